//! Runs from their first word to their figures: what they leave, what repeats, and what their commands say.
#![expect(clippy::unwrap_used, reason = "a test may end by a panic")]

mod support;

use std::fs;
use std::path::Path;

use support::{Scratch, assert_same, checkpoints, copy_conf, json, names, png_size, repeated, rows, steps, text, tiny};

/// Pixels of a digit, enlarged until it can be made out, and between two of them.
const TILE: u32 = 40;
const GAP: u32 = 4;
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

#[test]
fn images_are_drawn_from_a_finished_run() {
    let scratch = Scratch::new();
    let run = scratch.tiny_run("run", &[]);
    let before = repeated(&run);
    let ended = scratch.ok(&["sample", "run", "sample.n=9", "sample.method=two_step"]);
    ended.says(&["run/samples/last-two_step-9/grid.png"]);
    let drawn = run.join("samples/last-two_step-9");
    assert_eq!(images(&drawn).len(), 9);
    assert_eq!(png_size(&drawn.join("000008.png")), (8, 8));
    assert_eq!(png_size(&drawn.join("grid.png")), (3 * TILE + 2 * GAP, 3 * TILE + 2 * GAP));

    // Once more, elsewhere, the same; fewer are the first of them; another method draws others.
    scratch.ok(&["sample", "run", "sample.n=9", "sample.method=two_step"]);
    assert_eq!(images(&run.join("samples/last-two_step-9_1")), images(&drawn));
    scratch.ok(&["sample", "run", "sample.n=4", "sample.method=two_step"]);
    assert_eq!(images(&run.join("samples/last-two_step-4")), images(&drawn)[..4]);
    scratch.ok(&["sample", "run", "sample.n=9", "sample.method=heun"]);
    assert_ne!(images(&run.join("samples/last-heun-9")), images(&drawn));
    scratch.ok(&["sample", "run", "sample.n=4", "--checkpoint", "6"]).says(&["run/samples/6-one_step-4/grid.png"]);
    let nothing = scratch.exp(&["sample", "run", "sample.n=0"]);
    assert_eq!(nothing.code, Some(2));
    nothing.says(&["sample.n: is 0, so there is nothing to draw", "hint: sample.n=64"]);

    let after = repeated(&run);
    assert!(before.iter().all(|(name, bytes)| after.get(name) == Some(bytes)), "the run was changed");
    let refused = scratch.exp(&["sample", "run", "train.lr=1"]);
    assert_eq!(refused.code, Some(2));
    refused.says(&["train.lr"]);
}

#[test]
fn images_go_into_one_array_and_a_drawing_goes_on() {
    let scratch = Scratch::new();
    let run = scratch.tiny_run("run", &[]);
    scratch.ok(&["sample", "run", "sample.n=9"]);
    scratch.ok(&["sample", "run", "sample.n=9", "sample.save=npz"]);
    let drawn = run.join("samples/last-one_step-9_1");
    assert_eq!(images(&drawn).len(), 0);
    let mut archive = zip::ZipArchive::new(fs::File::open(drawn.join("images.npz")).unwrap()).unwrap();
    let mut array = Vec::new();
    std::io::Read::read_to_end(&mut archive.by_name("arr_0.npy").unwrap(), &mut array).unwrap();
    assert!(
        String::from_utf8_lossy(&array[..128])
            .contains("'descr': '|u1', 'fortran_order': False, 'shape': (9, 8, 8, 1), ")
    );
    let pixels: Vec<u8> = images(&run.join("samples/last-one_step-9")).iter().flat_map(|png| decoded(png)).collect();
    assert_eq!(array[128..], pixels);

    // Two parts of images; the second and the output are lost, as by a kill.
    scratch.ok(&["sample", "run", "sample.n=1030", "sample.save=npz"]);
    let whole = run.join("samples/last-one_step-1030");
    let wanted = fs::read(whole.join("images.npz")).unwrap();
    let half = run.join("samples/half");
    fs::create_dir_all(half.join("parts")).unwrap();
    fs::copy(whole.join("spec.json"), half.join("spec.json")).unwrap();
    fs::write(half.join("parts/step"), "4").unwrap();
    fs::write(half.join("parts/00000.u8"), vec![7; 1024 * 64]).unwrap();
    scratch.ok(&["resume", "run/samples/half"]).says(&["from step 4"]);
    let found = fs::read(half.join("images.npz")).unwrap();
    assert_eq!(found.len(), wanted.len());
    let values = found.windows(1024 * 64).any(|window| window.iter().all(|&value| value == 7));
    assert!(values, "the part that was there is taken as it is");
    assert!(!half.join("parts").exists());
}

#[test]
fn figures_of_a_checkpoint_are_those_of_the_run() {
    let scratch = Scratch::new();
    let run = scratch.tiny_run("run", &["eval.metrics=[fd_pixel,fd_random]", "train.eval_every=2", "train.keep=9"]);
    let before = repeated(&run);
    let report = json(run.join("report.json"));
    let eval = |words: &[&str], name: &str| {
        scratch.ok(&[&["eval", "run"], words].concat()).says(&["  fd_pixel ", "  fd_random"]);
        json(run.join("eval").join(name).join("report.json"))
    };
    let last = eval(&[], "last-32");
    for name in ["fd_pixel", "fd_random", "fd_pixel/two_step", "fd_random/two_step"] {
        assert_eq!(last[name], report[name], "{name}");
    }
    let rows = rows(run.join("metrics.jsonl"));
    let row = |step: u64| rows.iter().find(|row| row["step"] == step && row.contains_key("fd_pixel")).unwrap();
    let more = eval(&["eval.beside=[kid,precision_recall]", "eval.methods=[one_step]", "--checkpoint", "4"], "4-32");
    let figures: Vec<&str> = more.as_object().unwrap().keys().map(String::as_str).collect();
    let beside = ["kid_random", "precision_random", "recall_random"];
    assert_eq!(figures, [&["fd_pixel", "fd_random", "fd_random_mu_diff"][..], &beside].concat());
    assert!(beside[1..].iter().all(|name| (0.0..=1.0).contains(&more[*name].as_f64().unwrap())), "{more}");
    assert!(more["kid_random"].as_f64().unwrap() > 0.0, "it has hardly learnt anything");
    let second = eval(&["--checkpoint", "2"], "2-32");
    assert_eq!(
        [&second["fd_random"], &second["fd_pixel/two_step"]],
        [&row(2)["fd_random"], &row(2)["fd_pixel/two_step"]]
    );
    let least = [2, 4, 6].map(|step| row(step)["fd_random"].as_f64().unwrap()).into_iter().reduce(f64::min);
    assert_eq!(eval(&["--checkpoint", "best:fd_random"], "best-fd_random-32")["fd_random"].as_f64(), least);
    let other = scratch.exp(&["eval", "run", "--checkpoint", "5"]);
    other.says(&["has no checkpoint of step 5; there are 2, 4, 6"]);
    assert_eq!((other.code, scratch.path("run/eval/5-32").exists()), (Some(2), false));
    assert_eq!(scratch.exp(&["eval", "run", "--checkpoint", "newest"]).code, Some(2));
    let nothing = scratch.exp(&["eval", "run", "eval.metrics=[]"]);
    assert_eq!(nothing.code, Some(2));
    nothing.says(&["eval.metrics: is empty, so there is nothing to measure"]);
    assert!(before.iter().all(|(name, bytes)| repeated(&run).get(name) == Some(bytes)), "the run was changed");
}

#[test]
fn the_error_against_the_exact_denoiser_is_measured_by_level() {
    let scratch = Scratch::new();
    let run = scratch.tiny_run("run", &[]);
    let words = ["eval", "run", "eval.metrics=[pae]", "eval.pae.images=8", "eval.pae.levels=3", "eval.pae.draws=2"];
    let ended = scratch.ok(&words);
    let report = json(run.join("eval/last-32/report.json"));
    let names: Vec<&str> = report.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(names[..2], ["pae", "pae_variance"]);
    assert_eq!((names.len(), names[4]), (5, "pae/0.020"));
    let levels: Vec<f64> = names[2..].iter().map(|&name| report[name].as_f64().unwrap()).collect();
    let mean = levels.iter().sum::<f64>() / 3.0;
    assert!((report["pae"].as_f64().unwrap() - mean).abs() < 1e-12 && mean > 0.0);
    ended.says(&[&format!("  pae           {mean:.4}\n")]);
    assert!(!ended.out.contains("pae/"), "{}", ended.out);
}

#[test]
fn strips_begin_with_what_is_drawn() {
    let scratch = Scratch::new();
    let run = scratch.tiny_run("run", &[]);
    scratch.ok(&["sample", "run", "sample.n=16"]);
    let drawn = run.join("samples/last-one_step-16");
    let images = images(&drawn);
    let strip = |name: &str| {
        let path = drawn.join(name);
        assert_eq!(png_size(&path), (9 * TILE + 8 * GAP, 8 * TILE + 7 * GAP));
        image::open(path).unwrap().into_luma8()
    };
    // A tile shrunk to the pixels it was made of.
    let tile = |strip: &image::GrayImage, column: u32, row: u32| -> Vec<u8> {
        let scale = TILE / 8;
        let at = |place: u32, pixel: u32| place * (TILE + GAP) + pixel * scale;
        (0..64).map(|i| strip.get_pixel(at(column, i % 8), at(row, i / 8)).0[0]).collect()
    };
    let (between, trajectory) = (strip("interpolation.png"), strip("trajectory.png"));
    for row in 0..8 {
        assert_eq!(tile(&trajectory, 0, row), decoded(&images[row as usize]));
        for (column, image) in [(0, row), (8, row + 8)] {
            let (found, wanted) = (tile(&between, column, row), decoded(&images[image as usize]));
            let apart = found.iter().zip(&wanted).map(|(a, b)| a.abs_diff(*b)).max();
            assert!(apart <= Some(1), "row {row}, column {column}: {apart:?}");
        }
        assert_ne!(tile(&between, 0, row), tile(&between, 4, row));
    }
    scratch.ok(&["sample", "run", "sample.n=4", "sample.method=heun"]);
    assert!(!run.join("samples/last-heun-4/trajectory.png").exists());
}

/// The grey values of a PNG.
fn decoded(png: &[u8]) -> Vec<u8> {
    image::load_from_memory(png).unwrap().into_luma8().into_raw()
}

/// The one run of a scratch directory, whose place must be `outputs/YYYY-MM-DD/HH-MM-SS`.
fn only_run(scratch: &Scratch) -> String {
    let [day] = &names(&scratch.path("outputs"))[..] else { panic!("one day, one folder") };
    let [second] = &names(&scratch.path("outputs").join(day))[..] else { panic!("one run, one folder") };
    let shape = |text: &str| -> String { text.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect() };
    assert_eq!((shape(day).as_str(), shape(second).as_str()), ("0000-00-00", "00-00-00"));
    format!("outputs/{day}/{second}")
}

/// The drawn images of a directory, in order.
fn images(dir: &Path) -> Vec<Vec<u8>> {
    let numbered = |name: &&String| name.starts_with('0') && name.ends_with(".png");
    names(dir).iter().filter(numbered).map(|name| fs::read(dir.join(name)).unwrap()).collect()
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
    let ended = scratch.ok(&["data", "inspect", "set"]);
    ended.says(&[
        "train: 5 images, image files in a folder\n  sizes    12x8 (4)\n  classes  0 cat (2), 1 dog (3)\n",
        "  faulty   1, the first is ",
        "set/dog/3.png\n  picture  outputs/inspect/set-train.png\n",
        "to train on it: exp dataset=images dataset.dir=set dataset.side=8 dataset.classes=2 dataset.faulty=skip\n",
    ]);
    assert_eq!(png_size(&scratch.path("outputs/inspect/set-train.png")), (5 * TILE + 4 * GAP, TILE));
    let words = ["dataset=images", "dataset.dir=set", "dataset.side=8", "dataset.classes=2", "hydra.run.dir=run"];
    let train = |more: &[&str]| scratch.exp(&tiny(&[&words, more].concat()));
    train(&["hydra.run.dir=refused"]).says(&["error: ", "set/dog/3.png: "]);
    train(&["dataset.faulty=skip"]).says(&["warning: 1 of 5 pictures are skipped; the first: ", "done: 6 steps"]);
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
