use super::*;
use std::io::Write;

/// A log of this text as it is opened, and the rows of metrics that it gave.
fn read(text: &str) -> (Output, String) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("exp.log");
    std::fs::write(&path, text).unwrap();
    let output = Output::open(dir.path(), &path, false, false).unwrap();
    (output, std::fs::read_to_string(dir.path().join(METRICS)).unwrap_or_default())
}

#[test]
fn lines_of_one_step_are_one_row() {
    let lines = [
        "{\"step\":1,\"a\":1}",
        "{\"step\":1,\"b\":2}",
        "{\"step\":3.0,\"a\":{\"x\":3,\"y\":{\"z\":4}}}",
        "{\"step\":2,\"a\":4}",
        "{\"step\":2,\"a\":5}",
        "{\"step\":2.5,\"a\":5}",
    ];
    let (output, metrics) = read(&(lines.join("\n") + "\n"));
    let wanted =
        ["{\"step\":1,\"a\":1.0,\"b\":2.0}\n", "{\"step\":3,\"a/x\":3.0,\"a/y/z\":4.0}\n", "{\"step\":2,\"a\":5.0}\n"];
    assert_eq!((metrics, output.step), (wanted.concat(), Some(3)));
}

#[test]
fn a_program_that_is_started_again_repeats_what_it_likes() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("exp.log");
    let metrics = || std::fs::read_to_string(dir.path().join(METRICS)).unwrap();
    let rows = |steps: &[u64]| steps.iter().map(|step| format!("{{\"step\":{step}}}\n")).collect::<String>();
    std::fs::write(&path, rows(&[1, 2]) + "{\"step\":3}").unwrap();
    start_again(dir.path(), &path).unwrap();
    std::fs::write(&path, std::fs::read_to_string(&path).unwrap() + &rows(&[2, 4])).unwrap();
    Output::open(dir.path(), &path, false, false).unwrap();
    assert_eq!(metrics(), rows(&[1, 2, 4]));
    // Somebody has made room.
    std::fs::write(&path, metrics() + "{\"step\":4,\"loss\":NaN}\n").unwrap();
    Output::open(dir.path(), &path, false, false).unwrap();
    std::fs::remove_file(&path).unwrap();
    start_again(dir.path(), &path).unwrap();
    std::fs::write(&path, std::fs::read_to_string(&path).unwrap() + &rows(&[5])).unwrap();
    Output::open(dir.path(), &path, false, false).unwrap();
    assert_eq!(metrics(), rows(&[1, 2]) + "{\"step\":4,\"loss\":null}\n{\"step\":5}\n");
}

#[test]
fn final_figures_add_up() {
    let (output, _) = read("{\"fd\":1.5}\n{\"fd\":2,\"kid\":0.5}\n{\"event\":\"saved\"}\n");
    assert_eq!(output.figures, [("fd".to_owned(), 2.0), ("kid".to_owned(), 0.5)]);
}

#[test]
fn what_is_no_number_is_in_its_row_and_the_last_line_needs_no_end() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("exp.log");
    let lines = [
        r#"{"step": 1, "loss": 0.5}"#,
        r#"{"step": 2, "loss": NaN, "lr": -Infinity, "note": "a \"NaN\" {"}"#,
        r#"{"step": 3, "loss": NaN, }"#,
        r#"{"step": 4, "loss": nan, "lr": -inf, "name": "inf", "acc": {"top1":inf}}"#,
        r#"{"step": 5, "loss": -nan}"#,
        r#"{"step": 6, "loss": info}"#,
        r#"{"fd": Infinity, "kid": 2}"#,
    ];
    std::fs::write(&path, lines.join("\n")).unwrap();
    let mut output = Output::open(dir.path(), &path, false, false).unwrap();
    output.finish().unwrap();
    let metrics = std::fs::read_to_string(dir.path().join(METRICS)).unwrap();
    let wanted = [
        "{\"step\":1,\"loss\":0.5}\n",
        "{\"step\":2,\"loss\":null,\"lr\":null}\n",
        "{\"step\":4,\"loss\":null,\"lr\":null,\"acc/top1\":null}\n",
        "{\"step\":5,\"loss\":null}\n",
    ];
    assert_eq!(metrics, wanted.concat());
    assert!(output.figures[0].1.is_nan());
    assert_eq!(output.figures[1], ("kid".to_owned(), 2.0));
}

#[test]
fn a_progress_bar_hides_no_row() {
    let lines = [
        // As tqdm writes it on standard error while rows come on standard output.
        "\r  0%|          | 0/3 [00:00<?, ?it/s]{\"step\": 1, \"loss\": 1.0}",
        "\r 33%|###3      | 1/3 [00:00<00:01]\r 66%|######6   | 2/3 {it}{\"step\": 2, \"acc\": {\"top1\": NaN}}",
        "  {\"step\": 3}\r",
        "\r100%|##########| 3/3\r                      \r{\"fd\": 1.5}",
        // Words, in which an object is none of ours.
        "saved {\"step\": 4}",
        "\rsaved {\"lr\": 0.1}",
        "\rsaved {\"step\": 5} and more",
    ];
    let (output, metrics) = read(&(lines.join("\n") + "\n"));
    let wanted = ["{\"step\":1,\"loss\":1.0}\n", "{\"step\":2,\"acc/top1\":null}\n", "{\"step\":3}\n"];
    assert_eq!(metrics, wanted.concat());
    assert_eq!(output.figures, [("fd".to_owned(), 1.5)]);
}

#[test]
fn a_bar_may_be_longer_than_any_line() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("exp.log");
    let bar = "\r 33%|###3      | 1/3 [00:00<00:01]".repeat(LONGEST / 20);
    let words = "y".repeat(2 * LONGEST);
    // The return is the last byte of the block with which the line is too long, or the first of the next.
    let [last, first] = [8191, 8192].map(|more| "z".repeat(LONGEST + more));
    let lines = [
        format!("{bar}{{\"step\": 1}}"),
        format!("{words}{{\"step\": 2}}"),
        format!("{words}\r{{\"step\": 3}}"),
        format!("\r{words}{{\"step\": 4}}"),
        format!("{bar}{{\"step\": 5}}\r"),
        format!("{words}\r"),
    ];
    let text = lines.join("\n") + "\n";
    let metrics = |text: &str| {
        std::fs::write(&path, text).unwrap();
        Output::open(dir.path(), &path, false, false).unwrap().finish().unwrap();
        let steps = rows::read(&dir.path().join(METRICS)).map(|(step, _)| step);
        steps.collect::<Vec<_>>()
    };
    assert_eq!(metrics(&text), [1, 3, 5]);
    for words in [last, first] {
        assert_eq!(metrics(&format!("{words}\r{{\"step\": 6}}")), [6], "its last line has no end");
        assert_eq!(metrics(&format!("{{\"step\": 7}}\n{words}{{\"step\": 8}}")), [7], "nor has one that is too long");
    }
}

#[test]
fn rows_are_those_of_the_log_however_it_is_read() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("exp.log");
    let mut log = File::create(&path).unwrap();
    let mut early = Output::open(dir.path(), &path, false, false).unwrap();
    let long = format!("{{\"step\":9,\"x\":\"{}\"}}\n", "y".repeat(LONGEST));
    let text = [
        "loading\n{\"step\":1,\"loss\":0.5,\"name\":\"a\"}\n{\"step\":2,\"lo",
        "ss\":0.25}\n{not json}\n",
        &long,
        "{\"step\":2,\"loss\":0.125}\n{\"fd\":3,\"good\":true}\nthe end",
    ];
    for part in text {
        log.write_all(part.as_bytes()).unwrap();
        early.read().unwrap();
    }
    let metrics = || std::fs::read_to_string(dir.path().join(METRICS)).unwrap();
    let wanted = "{\"step\":1,\"loss\":0.5}\n{\"step\":2,\"loss\":0.125}\n";
    assert_eq!(metrics(), wanted);
    let late = Output::open(dir.path(), &path, false, false).unwrap();
    assert_eq!(metrics(), wanted);
    for output in [early, late] {
        assert_eq!((output.step, output.figures), (Some(2), vec![("fd".to_owned(), 3.0)]));
    }
}
