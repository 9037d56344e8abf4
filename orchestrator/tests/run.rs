//! Runs from their first word to their figures: what they leave, what repeats, and what their commands say.
#![expect(clippy::unwrap_used, reason = "a test may end by a panic")]

mod support;

use std::fs;

use support::{
    GAP, Scratch, TILE, assert_same, checkpoints, copy_conf, json, names, png_size, repeated, rows, steps, text, tiny,
};

/// Side of a panel of 8 x 8 digits, pixels around the whole, and between panels.
const PANEL: u32 = 8 * TILE + 7 * GAP;
const MARGIN: u32 = 6;
const GUTTER: u32 = 24;

#[test]
fn a_run_leaves_its_whole_story() {
    let scratch = Scratch::new();
    let words = tiny(&[]);
    let ended = scratch.ok(&words);
    let run = only_run(&scratch);
    let dir = scratch.path(&run);

    let overrides: String = words.iter().map(|word| format!("- {word}\n")).collect();
    assert_eq!(text(dir.join(".hydra/overrides.yaml")), overrides);
    assert!(text(dir.join(".hydra/config.yaml")).contains("steps: 6\n"));
    assert!(text(dir.join(".hydra/hydra.yaml")).starts_with("hydra:\n"));
    let spec = json(dir.join("spec.json"));
    assert_eq!((&spec["task"], &spec["spec"]["train"]["steps"]), (&"train".into(), &6.into()));
    assert_eq!(spec["spec"]["schedule"]["horizon"], 6, "frozen at the first start");
    let status = json(dir.join("status.json"));
    assert_eq!((&status["state"], &status["step"]), (&"done".into(), &6.into()));
    assert!(text(dir.join("exp.log")).lines().all(|line| line.starts_with("[20") && line.contains("][INFO] - ")));

    assert_eq!(steps(dir.join("metrics.jsonl")), [2, 4, 6]);
    for row in rows(dir.join("metrics.jsonl")) {
        let keys: Vec<&str> = row.keys().map(String::as_str).collect();
        assert_eq!(keys, ["step", "loss", "loss/consistency", "loss/dsm", "grad_norm/torso", "grad_norm/head"]);
        assert!(row.values().all(serde_json::Value::is_number), "{row:?}");
    }
    assert!(rows(dir.join("system.jsonl")).iter().flatten().all(|(_, value)| value.is_number()));
    assert_eq!(checkpoints(&dir), [4, 6], "the last two");
    for file in ["state.safetensors", "manifest.json"] {
        assert!(dir.join("checkpoints/6").join(file).is_file());
    }
    let size = (2 * MARGIN + 3 * PANEL + 2 * GUTTER, MARGIN + 16 + MARGIN + PANEL + MARGIN);
    assert_eq!(png_size(&dir.join("samples/grid.png")), size, "three panels below their captions");

    let report = json(dir.join("report.json"));
    let figures: Vec<&str> = report.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(figures, ["fd_pixel", "fd_pixel_untrained", "fd_pixel/two_step"]);
    for figure in figures {
        assert!(report[figure].as_f64().unwrap() > 0.0);
        ended.says(&[&format!("  {figure}"), &format!("{:.4}", report[figure].as_f64().unwrap())]);
    }
    ended.says(&[&format!("images: {run}/samples/grid.png\n"), &format!("run:    {run}\n")]);
}

#[test]
fn a_second_of_training_leaves_rows_about_the_machine() {
    let scratch = Scratch::new();
    let dir = scratch.path("run");
    let mut running = scratch.start(&tiny(&["train.steps=1000000", "hydra.run.dir=run"]));
    assert!(running.until(|| fs::metadata(dir.join("system.jsonl")).is_ok_and(|file| file.len() > 0)));
    running.kill_9();
    let row = &rows(dir.join("system.jsonl"))[0];
    for key in ["step", "steps_per_second", "images_per_second", "seconds", "rss_mib"] {
        assert!(row[key].as_f64().unwrap() > 0.0, "{row:?}");
    }
}

#[test]
fn a_seed_decides_everything() {
    let scratch = Scratch::new();
    // Two replicas, so that the order of their sums counts too.
    let words = ["train.batch=8", "backend.threads=2", "train.preview_every=3", "train.eval_every=3"];
    let first = scratch.tiny_run("first", &words);
    let again = scratch.tiny_run("again", &words);
    assert_same(&first, &again);
    for name in ["checkpoints/6/state.safetensors", "samples/previews/3.png", "samples/grid.png", "report.json"] {
        assert!(repeated(&first).contains_key(name), "{name} was not compared");
    }
    assert_eq!(steps(first.join("metrics.jsonl")), [2, 3, 4, 6, 6], "losses at 2, 4 and 6, figures at 3 and 6");

    let other = scratch.tiny_run("other", &[&words[..], &["seed=43"]].concat());
    let (first, other) = (repeated(&first), repeated(&other));
    for name in ["metrics.jsonl", "checkpoints/6/state.safetensors", "samples/grid.png", "report.json"] {
        assert_ne!(first[name], other[name], "{name} does not depend on the seed");
    }
}

#[test]
fn a_model_needs_no_head() {
    let scratch = Scratch::new();
    // `model.head=null` first: a key below it would be gone otherwise.
    let words: Vec<&str> = tiny(&["model.head=null", "hydra.run.dir=run"]);
    let words: Vec<&str> = words.into_iter().filter(|word| !word.starts_with("model.head.")).collect();
    scratch.ok(&words);
    let dir = scratch.path("run");
    for row in rows(dir.join("metrics.jsonl")) {
        assert!(row.contains_key("loss/consistency") && !row.contains_key("grad_norm/head"), "{row:?}");
        assert!(!row.contains_key("loss/dsm"), "{row:?}");
    }
    assert_eq!(png_size(&dir.join("samples/grid.png")).0, 2 * MARGIN + 2 * PANEL + GUTTER, "two panels");
}

#[test]
fn a_named_directory_is_used_once() {
    let scratch = Scratch::new();
    fs::create_dir(scratch.path("run")).unwrap();
    let dir = scratch.tiny_run("run", &[]);
    let before = repeated(&dir);
    let ended = scratch.exp(&tiny(&["hydra.run.dir=run", "seed=1"]));
    assert_eq!(ended.code, Some(2));
    ended.says(&["run exists and is not empty", "exp resume run"]);
    assert_eq!(repeated(&dir), before);
}

#[test]
fn starts_in_one_second_get_directories_of_their_own() {
    let scratch = Scratch::new();
    let words = tiny(&["hydra.run.dir=\"outputs/${now:%Y}\"", "train.steps=1", "eval.metrics=[]"]);
    // Left to its default the place is dated to the second; one that is named must not be shared at all.
    let default: Vec<&str> = words.iter().copied().filter(|word| !word.starts_with("hydra.")).collect();
    let running: Vec<_> = (0..8).map(|_| scratch.start(&default)).collect();
    for run in running {
        assert_eq!(run.ended().code, Some(0));
    }
    let mut runs = Vec::new();
    for day in names(&scratch.path("outputs")) {
        runs.extend(names(&scratch.path("outputs").join(&day)).into_iter().map(|name| format!("outputs/{day}/{name}")));
    }
    assert_eq!(runs.len(), 8, "{runs:?}");
    assert!(runs.iter().all(|run| json(scratch.path(run).join("status.json"))["state"] == "done"));

    let running: Vec<_> = (0..4).map(|_| scratch.start(&words)).collect();
    let mut codes: Vec<_> = running.into_iter().map(|run| run.ended().code).collect();
    codes.sort_unstable();
    assert_eq!(codes, [Some(0), Some(2), Some(2), Some(2)]);
}

#[test]
fn a_sweep_runs_each_point() {
    let scratch = Scratch::new();
    let ended = scratch.ok(&tiny(&["-m", "loss.lambda=0.1,0.5", "hydra.sweep.dir=sweep"]));
    ended.says(&["#0 : ", "#1 : ", "loss.lambda=0.1\n", "loss.lambda=0.5\n"]);
    assert_eq!(names(&scratch.path("sweep")), [".lock", "0", "1", "journal.jsonl", "multirun.yaml", "sweep.json"]);
    for (job, lambda) in [("0", 0.1), ("1", 0.5)] {
        let dir = scratch.path("sweep").join(job);
        assert_eq!(json(dir.join("spec.json"))["spec"]["loss"]["lambda"], lambda);
        assert_eq!(json(dir.join("status.json"))["state"], "done");
        assert!(text(dir.join(".hydra/overrides.yaml")).contains(&format!("- loss.lambda={lambda}\n")));
    }
}

#[test]
fn dry_runs_write_nothing() {
    let scratch = Scratch::new();
    let ended = scratch.ok(&["-m", "loss.lambda=0.1,0.5", "--dry-run"]);
    assert_eq!(ended.out, "#0 : loss.lambda=0.1\n#1 : loss.lambda=0.5\n");
    scratch.ok(&["--dry-run"]).says(&["seed: 42\n"]);
    scratch.ok(&["--dry-run", "+experiment=quickstart"]).says(&["- quickstart\n"]);
    // At full size nothing is wrong but the place of the data.
    let ended = scratch.exp(&["--dry-run", "+experiment=score_guided", "dataset.dir=/nowhere"]);
    ended.says(&["error: dataset.dir: cannot read /nowhere"]);
    assert_eq!((ended.code, ended.err.matches("error: ").count()), (Some(2), 1), "{ended:#?}");
    assert_eq!(scratch.names(), [""; 0]);
}

#[test]
fn conf_in_the_working_directory_comes_before_the_embedded_copy() {
    let scratch = Scratch::new();
    copy_conf(&scratch.path("conf"));
    let config = scratch.path("conf/config.yaml");
    fs::write(&config, text(&config).replace("seed: 42", "seed: 7")).unwrap();
    scratch.ok(&["--cfg", "job"]).says(&["seed: 7\n"]);
    fs::rename(scratch.path("conf"), scratch.path("elsewhere")).unwrap();
    scratch.ok(&["--cfg", "job"]).says(&["seed: 42\n"]);
    scratch.ok(&["--cfg", "job", "--config-path", "elsewhere"]).says(&["seed: 7\n"]);
}

/// The one run of a scratch directory, whose place must be `outputs/YYYY-MM-DD/HH-MM-SS`.
fn only_run(scratch: &Scratch) -> String {
    let [day] = &names(&scratch.path("outputs"))[..] else { panic!("one day, one folder") };
    let [second] = &names(&scratch.path("outputs").join(day))[..] else { panic!("one run, one folder") };
    let shape = |text: &str| -> String { text.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect() };
    assert_eq!((shape(day).as_str(), shape(second).as_str()), ("0000-00-00", "00-00-00"));
    format!("outputs/{day}/{second}")
}

#[test]
fn what_nobody_reads_ends_an_answer_and_no_run() {
    let scratch = Scratch::new();
    let unread = || {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        writer
    };
    let answer = scratch.command(&["doctor"]).stdout(unread()).output().unwrap();
    assert!(answer.status.success(), "{answer:?}");
    assert_eq!(String::from_utf8_lossy(&answer.stderr), "");
    let run = scratch.command(&tiny(&["hydra.run.dir=unread"])).stdout(unread()).stderr(unread()).status().unwrap();
    assert!(run.success());
    assert_eq!(json(scratch.path("unread/status.json"))["state"], "done");
}

#[test]
fn a_folder_of_pictures_is_looked_at_and_trained_on() {
    let scratch = Scratch::new();
    for (name, level) in [("cat/1.png", 0), ("cat/2.png", 90), ("dog/1.jpg", 200), ("dog/2.png", 255)] {
        let path = scratch.path("set").join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        image::RgbImage::from_pixel(12, 8, image::Rgb([level; 3])).save(path).unwrap();
    }
    fs::write(scratch.path("set/dog/3.png"), "junk").unwrap();
    // Its head is whole.
    let whole = fs::read(scratch.path("set/dog/2.png")).unwrap();
    fs::write(scratch.path("set/dog/4.png"), &whole[..whole.len() - 20]).unwrap();
    let ended = scratch.ok(&["data", "inspect", "set"]);
    ended.says(&[
        "train: 6 images, image files in a folder\n  sizes    12x8 (4)\n  classes  0 cat (2), 1 dog (4)\n",
        "  faulty   2, the first: ",
        "set/dog/3.png: ",
        "\n  picture  outputs/inspect/set-train.png\n",
        "to train on it: exp dataset=images dataset.dir=set dataset.side=8 dataset.classes=2 dataset.faulty=skip\n",
    ]);
    assert_eq!(png_size(&scratch.path("outputs/inspect/set-train.png")), (6 * TILE + 5 * GAP, TILE));
    let words = ["dataset=images", "dataset.dir=set", "dataset.side=8", "dataset.classes=2", "hydra.run.dir=run"];
    let train = |more: &[&str]| scratch.exp(&tiny(&[&words, more].concat()));
    train(&["hydra.run.dir=refused"]).says(&["error: ", "set/dog/3.png: "]);
    train(&["dataset.faulty=skip"]).says(&["warning: 2 of 6 pictures are skipped; the first: ", "done: 6 steps"]);
    assert_eq!(json(scratch.path("run/status.json"))["state"], "done");
}

#[test]
fn what_is_carried_along_keeps_its_values() {
    let scratch = Scratch::new();
    let run =
        scratch.tiny_run("run", &["+params.a=nan", "+params.b=123456789012345678901234567890", "+params.c=[-inf,1]"]);
    let params = &json(run.join("spec.json"))["spec"]["params"];
    assert_eq!(*params, serde_json::json!({"a": "nan", "b": "123456789012345678901234567890", "c": ["-inf", 1]}));
}
