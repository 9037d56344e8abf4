//! Sweeps that choose their points, leave points out, and do not repeat what is done.
#![expect(clippy::unwrap_used, reason = "a test may end by a panic")]

mod support;

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use support::{Ended, Scratch, is_at_work, json, names, rows, text};

/// A search over `x`, whose program does a line of shell with `x` and its digits `${x}` known, in the directory `sweep`.
fn search(line: &str, more: &[&str]) -> Vec<String> {
    let argv = format!("backend.argv=[sh,-c,\"{line}\"]");
    let words =
        ["-m", "backend=command", &argv, "hydra.sweep.dir=sweep", "hydra/sweeper=tpe", "hydra.sweeper.metric=cost"];
    words.iter().chain(more).map(|word| (*word).to_owned()).collect()
}

fn run(scratch: &Scratch, line: &str, more: &[&str]) -> Ended {
    let words = search(line, more);
    scratch.exp(&words.iter().map(String::as_str).collect::<Vec<_>>())
}

/// Prints the distance of x from 3 as the final figure.
const DISTANCE: &str = "echo '{\\\"cost\\\":'$(awk 'BEGIN { d = ${x} - 3; print d * d }')'}'";

/// The points of a search, in order.
fn points(sweep: &Path) -> Vec<f64> {
    let lines = rows(sweep.join("journal.jsonl"));
    let added = lines.iter().filter_map(|line| line.get("added"));
    added.map(|job| job["words"].as_str().unwrap().split("+x=").nth(1).unwrap().parse().unwrap()).collect()
}

#[test]
fn a_search_finds_what_is_good_and_says_so() {
    let scratch = Scratch::new();
    let ended = run(&scratch, DISTANCE, &["+x=interval(-10,10)", "hydra.sweeper.n_trials=25"]);
    assert_eq!(ended.code, Some(0), "{ended:#?}");
    ended.says(&["25 jobs: 25 done", "best cost: "]);
    let points = points(&scratch.path("sweep"));
    let best = points.iter().copied().min_by(|a, b| (a - 3.0).abs().total_cmp(&(b - 3.0).abs())).unwrap();
    let results = text(scratch.path("sweep/optimization_results.yaml"));
    let lines: Vec<&str> = results.lines().collect();
    assert_eq!(lines[..3], ["name: tpe", "best_params:", &format!("  +x: {best:?}")], "{results}");
    let value: f64 = lines[3].strip_prefix("best_value: ").unwrap().parse().unwrap();
    assert!((value - (best - 3.0).powi(2)).abs() < 1e-5 && value < 1.0, "{results}");
}

#[test]
fn trials_that_lie_elsewhere_go_on_there() {
    let scratch = Scratch::new();
    let line = "[ -e go ] || exit 1; echo '{\\\"cost\\\":${seed}}'";
    let argv = format!("backend.argv=[sh,-c,\"{line}\"]");
    let words = ["-m", "backend=command", &argv, "hydra/sweeper=tpe", "hydra.sweeper.metric=cost", "seed=range(1,9)"];
    let more = ["hydra.sweeper.n_trials=3", "hydra.sweep.dir='trials/${seed}'"];
    assert_eq!(scratch.exp(&[&words[..], &more].concat()).code, Some(1));
    let before = names(&scratch.path("trials"));
    fs::write(scratch.path("go"), "").unwrap();
    scratch.ok(&["resume", "trials/42", "--retry-failed"]).says(&["3 jobs: 3 done", "best cost: "]);
    assert_eq!(names(&scratch.path("trials")), before);
    let tried = rows(scratch.path("trials/42/journal.jsonl")).iter().filter(|line| line.contains_key("added")).count();
    assert_eq!(tried, 3);
}

#[test]
fn a_search_in_older_words_of_optuna_is_made() {
    let scratch = Scratch::new();
    fs::create_dir(scratch.path("conf")).unwrap();
    let space = "{x: {type: float, low: -4, high: 4}, k: {type: categorical, choices: [a b, c]}}";
    let config = format!(
        "defaults: [_self_, override hydra/sweeper: optuna]\nx: 0\nk: c\nbackend: {{name: command, \
         argv: [sh, -c, 'echo \"{{\\\"cost\\\":${{x}}}}\"']}}\n\
         hydra: {{sweep: {{dir: sweep}}, sweeper: {{metric: cost, n_trials: 3, search_space: {space}}}}}\n"
    );
    fs::write(scratch.path("conf/config.yaml"), config).unwrap();
    let ended = scratch.ok(&["-m"]);
    ended.says(&[
        "warning: hydra.sweeper.search_space: ",
        "hint: hydra.sweeper.params: {x: interval(-4.0,4.0), k: choice('a b','c')}",
        "3 jobs: 3 done",
    ]);
    let results = text(scratch.path("sweep/optimization_results.yaml"));
    assert!(results.contains("  x: ") && results.contains("  k: "), "{results}");
    // What is said on the command line is said last.
    let fixed = scratch.ok(&["-m", "x=3", "--dry-run"]).out;
    assert!(fixed.contains("x=3") && fixed.contains(" k="), "{fixed}");
}

#[test]
fn a_search_that_was_killed_goes_on_with_the_same_history() {
    let words = ["+x=interval(-10,10)", "hydra.sweeper.n_trials=8"];
    let (whole, cut) = (Scratch::new(), Scratch::new());
    assert_eq!(run(&whole, DISTANCE, &words).code, Some(0));
    // The third job waits for the kill.
    let waits = "while [ $(wc -l < begun) = 3 ] && [ ! -e go ]; do sleep 0.02; done";
    let line = format!("echo >> begun; {waits}; {DISTANCE}");
    let words = search(&line, &words);
    let mut running = cut.start(&words.iter().map(String::as_str).collect::<Vec<_>>());
    let begun = || fs::read_to_string(cut.path("begun")).is_ok_and(|text| text.lines().count() == 3);
    assert!(running.until(begun));
    running.kill_9();
    fs::write(cut.path("go"), "").unwrap();
    cut.ok(&["resume", "sweep"]).says(&["sweep: 6 of 8 jobs are left", "8 jobs: 8 done"]);
    assert_eq!(points(&cut.path("sweep")), points(&whole.path("sweep")));
    assert_eq!(text(cut.path("begun")).lines().count(), 8, "nothing ran twice");
    let results = |scratch: &Scratch| text(scratch.path("sweep/optimization_results.yaml"));
    assert_eq!(results(&cut), results(&whole));
}

/// Whoever ran a search may be killed: what a job came to meanwhile counts all the same.
#[test]
fn what_a_job_came_to_while_nobody_looked_is_part_of_the_search() {
    let scratch = Scratch::new();
    let line = format!("while [ -e begun ] && [ ! -e go ]; do sleep 0.02; done; echo > begun; {DISTANCE}");
    let words = search(&line, &["+x=interval(-10,10)", "hydra.sweeper.n_trials=2"]);
    let mut running = scratch.start(&words.iter().map(String::as_str).collect::<Vec<_>>());
    let job = scratch.path("sweep/1");
    assert!(running.until(|| is_at_work(&job)));
    running.kill_9();
    fs::write(scratch.path("go"), "").unwrap();
    let start = Instant::now();
    while !job.join(".exit-code").exists() {
        assert!(start.elapsed() < Duration::from_secs(60), "it does not end");
        std::thread::sleep(Duration::from_millis(5));
    }
    // As one that says itself how it ended.
    fs::write(job.join("status.json"), text(job.join("status.json")).replace("\"running\"", "\"done\"")).unwrap();
    fs::rename(job.join("exp.log"), job.join("report.json")).unwrap();
    // It may have been a second try.
    let journal = scratch.path("sweep/journal.jsonl");
    let ended = || rows(&journal).into_iter().filter_map(|mut line| line.remove("ended")).collect::<Vec<_>>();
    let mut failed = ended()[0].clone();
    (failed["job"], failed["state"], failed["value"]) = (1.into(), "failed".into(), serde_json::Value::Null);
    fs::write(&journal, format!("{}{}\n", text(&journal), serde_json::json!({"ended": failed}))).unwrap();
    scratch.ok(&["resume", "sweep"]).says(&["0 of 2 jobs are left", "2 jobs: 2 done", "best cost: "]);
    assert_eq!((ended().len(), ended()[2]["job"].as_u64(), ended()[2]["value"].is_f64()), (3, Some(1), true));
    assert!(scratch.path("sweep/optimization_results.yaml").exists());
}

#[test]
fn jobs_that_fall_behind_are_given_up() {
    let scratch = Scratch::new();
    // The cost is x, from the first step on. A job takes twenty steps, which is quicker than any look at it; one that is worse than
    // those before it waits in between, until it is stopped.
    let line = "least=$(cat least 2>/dev/null || echo 9); \
                for s in $(seq 20); do echo '{\\\"step\\\":'$s',\\\"cost\\\":'${x}'}'; \
                while [ $s = 5 ] && [ ${x} -gt $least ] && [ -e least ]; do sleep 0.02; done; done; \
                [ ${x} -ge $least ] || echo ${x} > least";
    let more = ["+x=choice(1,2,3)", "hydra/sweeper=random", "hydra.sweeper.n_trials=6", "hydra.sweeper.prune_from=2"];
    let ended = run(&scratch, line, &more);
    assert_eq!(ended.code, Some(0), "{ended:#?}");
    let sweep = scratch.path("sweep");
    let (mut least, mut given_up) = (f64::MAX, 0);
    for (n, x) in points(&sweep).into_iter().enumerate() {
        let status = json(sweep.join(n.to_string()).join("status.json"));
        // One at a time: whoever is worse than the best before it falls behind.
        let state = if x > least { "interrupted" } else { "done" };
        assert_eq!(status["state"], state, "{n}: {x} after {least}");
        if x > least {
            given_up += 1;
            assert!(status["cause"].as_str().unwrap().contains("cost"), "{status}");
            assert!(rows(sweep.join(n.to_string()).join("metrics.jsonl")).len() < 20);
        }
        least = least.min(x);
    }
    ended.says(&[&format!("6 jobs: {} done, {given_up} given up", 6 - given_up)]);
    assert!(given_up > 0, "with this seed some are worse");
    scratch.ok(&["resume", "sweep"]).says(&["0 of 6 jobs are left"]);
}

#[test]
fn a_search_can_look_for_the_most() {
    let scratch = Scratch::new();
    let line = "echo '{\\\"step\\\":1,\\\"cost\\\":'${x}'}'";
    let more = ["+x=1,2", "hydra/sweeper=random", "hydra.sweeper.n_trials=6", "hydra.sweeper.direction=maximize"];
    // Without final figures the last row counts.
    run(&scratch, line, &more).says(&["best cost: 2 of #0"]);
    let mute = Scratch::new();
    let line = "echo '{\\\"step\\\":1,\\\"costs\\\":'${x}'}'";
    let ended = run(&mute, line, &["+x=1,2", "hydra.sweeper.n_trials=6"]);
    // The first one tells that the others would be in vain.
    assert_eq!(ended.code, Some(2), "{ended:#?}");
    ended.says(&["hydra.sweeper.metric: job #0 has no figure `cost`", "did you mean `costs`?", "1 done, 5 not done"]);
    assert!(!mute.path("sweep/1").exists());
    assert!(!mute.path("sweep/optimization_results.yaml").exists());
}

#[test]
fn points_are_left_out_by_an_expression() {
    let scratch = Scratch::new();
    let words = ["-m", "--dry-run", "train.lr=1e-4,1e-3", "train.batch=8,16"];
    let listed = |expression: &str| {
        let word = format!("hydra.sweeper.where='{expression}'");
        scratch.exp(&[&words[..], &[&word]].concat())
    };
    let some = listed("train.lr < 1e-3 or train.batch == 16 and model.head is not none");
    let lines = [
        "#0 : train.lr=0.0001 train.batch=8",
        "#1 : train.lr=0.0001 train.batch=16",
        "#2 : train.lr=0.001 train.batch=16",
    ];
    assert_eq!(some.out, lines.map(|line| format!("{line}\n")).concat());
    for (expression, part) in [
        ("train.lt < 1", "hydra.sweeper.where: `train.lt` is not there"),
        ("train.lr <", "hydra.sweeper.where: syntax error"),
        ("nothing", "`nothing` is not there"),
    ] {
        let wrong = listed(expression);
        assert_eq!(wrong.code, Some(2), "{wrong:#?}");
        wrong.says(&[part]);
    }
    let search = ["-m", "--dry-run", "train.batch=range(1,9)", "hydra/sweeper=random"];
    scratch.ok(&[&search[..], &["hydra.sweeper.where='train.batch == 7'"]].concat()).says(&["#0 : train.batch=7"]);
    let none = scratch.exp(&[&search[..], &["hydra.sweeper.where='train.batch == 9'"]].concat());
    none.says(&["it is true of none of 1000 points"]);
}

#[test]
fn what_is_done_is_not_repeated() {
    let scratch = Scratch::new();
    let sweep = |n: &str, more: &[&str]| {
        let argv = "backend.argv=[sh,-c,\"echo ${n} >> ran\"]";
        let n = format!("+n={n}");
        scratch.exp(&[&["-m", "backend=command", argv, &n], more].concat())
    };
    sweep("1,2", &[]).says(&["2 jobs: 2 done"]);
    let again = sweep("2,3", &["--skip-done", "notes=again", "tags=[x]"]);
    again.says(&["1 of 2 jobs were done before, such as ", "2 jobs: 2 done"]);
    assert_eq!(text(scratch.path("ran")), "1\n2\n3\n");
    sweep("2,3", &["--skip-done"]).says(&["2 jobs: 2 done"]);
    assert_eq!(text(scratch.path("ran")), "1\n2\n3\n", "all of them are done");
    sweep("3", &[]).says(&["1 jobs: 1 done"]);
    assert_eq!(text(scratch.path("ran")), "1\n2\n3\n3\n", "without the flag everything runs");
}

#[test]
fn a_search_that_goes_on_still_does_not_repeat_what_is_done() {
    let scratch = Scratch::new();
    let line = format!("echo ${{x}} >> ran; {DISTANCE}");
    let ended = run(&scratch, &line, &["+x=1,2", "hydra/sweeper=random", "hydra.sweeper.n_trials=6", "--skip-done"]);
    assert_eq!(ended.code, Some(0), "{ended:#?}");
    let manifest = scratch.path("sweep/sweep.json");
    fs::write(&manifest, text(&manifest).replace("\"n_trials\":6", "\"n_trials\":8")).unwrap();
    scratch.ok(&["resume", "sweep"]).says(&["2 of 8 jobs are left", "8 jobs: 8 done"]);
    assert_eq!(text(scratch.path("ran")).lines().count(), 6);
}

#[test]
fn a_changed_configuration_is_shown_or_refused() {
    let scratch = Scratch::new();
    let conf = scratch.path("conf");
    support::copy_conf(&conf);
    let argv = "backend.argv=[sh,-c,\"[ -e mended ]\"]";
    let grid = scratch.exp(&["-m", "backend=command", argv, "+n=1", "hydra.sweep.dir=grid"]);
    assert_eq!(grid.code, Some(1));
    let line = "echo >> begun; [ $(wc -l < begun) -lt 2 ] || kill -KILL $(cut -d ' ' -f 4 /proc/$PPID/stat)";
    run(&scratch, line, &["+x=1,2,3", "hydra.sweeper.n_trials=5"]);
    let file = conf.join("train/small.yaml");
    fs::write(&file, text(&file).replace("batch: 16", "batch: 8")).unwrap();
    fs::write(scratch.path("mended"), "").unwrap();
    scratch.ok(&["resume", "grid", "--retry-failed"]).says(&["warning: ", "conf/train/small.yaml has changed since"]);
    let refused = scratch.exp(&["resume", "sweep"]);
    assert_eq!(refused.code, Some(2), "{refused:#?}");
    refused.says(&["conf/train/small.yaml changed: its jobs could not be compared"]);
}

#[test]
fn what_is_written_beside_the_values_of_a_file_is_no_change() {
    let scratch = Scratch::new();
    let conf = scratch.path("conf");
    support::copy_conf(&conf);
    let kill = "kill -KILL $(cut -d ' ' -f 4 /proc/$PPID/stat)";
    let line = format!("echo >> begun; [ $(wc -l < begun) -lt 2 ] || [ -e mended ] || {kill}; {DISTANCE}");
    run(&scratch, &line, &["+x=interval(-10,10)", "hydra.sweeper.n_trials=3"]);
    fs::write(scratch.path("mended"), "").unwrap();
    let file = conf.join("train/small.yaml");
    fs::write(&file, format!("# Said anew.\n\n{}", text(&file).replace("1.0e-3", "0.001  # 1e-3"))).unwrap();
    let ended = scratch.ok(&["resume", "sweep"]);
    ended.says(&["3 jobs: 3 done"]);
    assert!(!ended.err.contains("changed"), "{}", ended.err);
}

#[test]
fn a_search_of_which_all_jobs_are_made_learns_from_them_whatever_changed() {
    let scratch = Scratch::new();
    let conf = scratch.path("conf");
    support::copy_conf(&conf);
    let kill = "kill -KILL $(cut -d ' ' -f 4 /proc/$PPID/stat)";
    let line = format!("echo >> begun; [ $(wc -l < begun) -lt 2 ] || {kill}; {DISTANCE}");
    run(&scratch, &line, &["+x=interval(-10,10)", "hydra.sweeper.n_trials=2"]);
    let file = conf.join("train/small.yaml");
    fs::write(&file, text(&file).replace("batch: 16", "batch: 8")).unwrap();
    scratch.ok(&["resume", "sweep"]).says(&[
        "conf/train/small.yaml has changed since",
        "2 jobs: 2 done",
        "best cost: ",
    ]);
    let journal = rows(scratch.path("sweep/journal.jsonl"));
    assert_eq!(journal.iter().filter(|line| line.get("ended").is_some_and(|of| of["value"].is_f64())).count(), 2);
}

/// As a program in Python writes it.
#[test]
fn what_came_to_no_number_is_not_the_best() {
    let scratch = Scratch::new();
    let row = |step: u8, cost: &str| format!("echo '{{\\\"step\\\": {step}, \\\"cost\\\": {cost}}}'");
    let line = format!("{}; [ ${{x}} = 1 ] && {} || {}", row(1, "1"), row(2, "NaN"), row(2, "5"));
    let found = run(&scratch, &line, &["+x=1,2", "hydra.sweeper.n_trials=6"]);
    assert_eq!(found.code, Some(0), "{found:#?}");
    found.says(&["best cost: 5 of #0", "+x=2\n"]);
    assert!(points(&scratch.path("sweep")).contains(&1.0), "both were tried");
    let nothing = Scratch::new();
    let ended = run(&nothing, &row(1, "NaN"), &["+x=1,2", "hydra.sweeper.n_trials=2"]);
    ended.says(&["2 jobs: 2 done", "no job came to a number as its `cost` (hydra.sweeper.metric)"]);
}

#[test]
fn jobs_may_lie_elsewhere() {
    let scratch = Scratch::new();
    let subdir = format!("hydra.sweep.subdir={}/${{hydra.job.num}}", scratch.path("far").display());
    let ended = run(&scratch, DISTANCE, &["+x=1,2", "hydra.sweeper.n_trials=2", &subdir]);
    assert_eq!(ended.code, Some(0), "{ended:#?}");
    ended.says(&["2 jobs: 2 done"]);
    assert_eq!(json(scratch.path("far/1/status.json"))["state"], "done");
}

#[test]
fn what_the_search_path_adds_is_part_of_the_configuration() {
    let scratch = Scratch::new();
    fs::create_dir_all(scratch.path("more/db")).unwrap();
    let file = scratch.path("more/db/a.yaml");
    fs::write(&file, "x: 1\n").unwrap();
    let argv = "backend.argv=[sh,-c,\"[ -e mended ]\"]";
    let more = ["hydra.searchpath=[file://more]", "+db=a", "+n=1", "hydra.sweep.dir=grid"];
    assert_eq!(scratch.exp(&[&["-m", "backend=command", argv], &more[..]].concat()).code, Some(1));
    let unchanged = scratch.exp(&["resume", "grid", "--retry-failed"]);
    assert!(!unchanged.err.contains("has changed"), "{unchanged:#?}");
    fs::write(&file, "x: 2\n").unwrap();
    fs::write(scratch.path("mended"), "").unwrap();
    scratch.ok(&["resume", "grid", "--retry-failed"]).says(&["more/db/a.yaml has changed since"]);
}

/// The queue is down: both slots find it so, and one of them says it.
#[test]
fn a_search_whose_jobs_are_not_taken_says_so_and_goes_on_later() {
    let scratch = Scratch::new();
    // None is refused before the other one is made.
    let both = "for _ in $(seq 600); do [ -e sweep/1/status.json ] && break; sleep 0.05; done";
    let submit = &format!("hydra.launcher.submit='{both}; [ -e up ] && sh {{script}} >/dev/null 2>&1 && echo 1'");
    let more = ["+x=1,2", "hydra.sweeper.n_trials=2", "hydra.sweeper.n_jobs=2", "hydra/launcher=template", submit];
    let ended = run(&scratch, DISTANCE, &more);
    assert_eq!(ended.code, Some(3), "{ended:#?}");
    ended.says(&["2 jobs: 0 done, 2 not done", "to go on: exp resume sweep"]);
    assert_eq!(ended.err.matches("no other job is started: `sh -c for ").count(), 1, "{ended:#?}");
    let states = [0, 1].map(|n| json(scratch.path(&format!("sweep/{n}/status.json")))["state"].clone());
    assert_eq!(states, ["created", "created"]);
    fs::write(scratch.path("up"), "").unwrap();
    scratch.ok(&["resume", "sweep"]).says(&["2 of 2 jobs are left", "2 jobs: 2 done", "best cost: "]);
}

#[test]
fn what_cannot_begin_leaves_nothing() {
    let scratch = Scratch::new();
    for (more, part) in [
        (&["+x=1"][..], "there is nothing to choose"),
        (&["+x=interval(1,0)"], "x: expected an interval from a number to a larger one"),
        (&["+x=1,2", "hydra.sweeper.n_trials=0"], "hydra.sweeper.n_trials: expected a whole number of at least 1"),
    ] {
        let ended = run(&scratch, "true", more);
        assert_eq!(ended.code, Some(2), "{ended:#?}");
        ended.says(&[part]);
        assert!(names(&scratch.path("")).is_empty(), "{more:?}");
    }
}
