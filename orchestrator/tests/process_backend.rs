//! Backends that are executables: a few lines of shell speak the protocol, well or badly.
#![expect(clippy::unwrap_used, reason = "a test may end by a panic")]

mod support;

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use support::echo::{CALM, Echo};
use support::{Ended, Running, json, rows, text, until_gone};

/// Three steps, as a well-behaved backend reports them.
const THREE_STEPS: &str = r#"
started='{"event":{"started":{"step":0,"steps":3,"batch":4}}}'
worker() {
    echo "$started"
    for step in 1 2 3; do
        echo "{\"event\":{\"metrics\":{\"step\":$step,\"values\":[[\"step\",9.0],[\"loss\",0.5],[\"loss/consistency\",0.25]]}}}"
        echo "{\"event\":{\"progress\":{\"step\":$step,\"loss\":0.5}}}"
    done
    echo '{"event":{"system":{"step":3,"values":[["steps_per_second",2.0]]}}}'
    echo '"flush"'
    read -r answer
    echo "{\"event\":{\"log\":{\"level\":\"warn\",\"message\":\"$(wc -l < "$1/metrics.jsonl") rows are there\"}}}"
    [ "$answer" = '"flushed"' ] || exit 9
    echo '{"done":{"step":3,"interrupted":false,"figures":[["fd_pixel",1.5],["fd_pixel/two_step",1.25]],"grid":null}}'
}
"#;

impl Echo {
    fn start_run(&self) -> Running {
        self.start(&["backend.name=echo", "train.steps=3", "hydra.run.dir=run"])
    }

    fn exp(&self) -> Ended {
        self.start_run().ended()
    }

    fn run(&self) -> PathBuf {
        self.scratch.path("run")
    }

    fn state(&self) -> String {
        json(self.run().join("status.json"))["state"].as_str().unwrap().to_owned()
    }

    /// A run that must fail with this cause.
    fn fails(&self, cause: &str) {
        let ended = self.exp();
        assert_eq!(ended.code, Some(1), "{ended:#?}");
        ended.says(&[cause, "exp-echo"]);
        assert_eq!(ended.err.matches(cause).count(), 1, "said once: {ended:#?}");
        let status = json(self.run().join("status.json"));
        assert_eq!(status["state"], "failed");
        assert!(status["cause"].as_str().unwrap().contains(cause), "{status}");
        assert!(text(self.run().join("exp.log")).contains(cause));
        assert!(!self.run().join("report.json").exists());
    }
}

#[test]
fn what_it_reports_is_kept() {
    let echo = Echo::new(&[CALM, THREE_STEPS]);
    let ended = echo.exp();
    assert_eq!(ended.code, Some(0), "{ended:#?}");
    ended.says(&["fd_pixel", "  1.5\n", "  1.25\n", "warning: 3 rows are there", "run:    run\n"]);
    let row = |step: u64| format!("{{\"step\":{step},\"loss\":0.5,\"loss/consistency\":0.25}}\n");
    assert_eq!(text(echo.run().join("metrics.jsonl")), [1, 2, 3].map(row).concat());
    assert_eq!(rows(echo.run().join("system.jsonl"))[0]["steps_per_second"], 2.0);
    assert_eq!(json(echo.run().join("report.json")), serde_json::json!({"fd_pixel": 1.5, "fd_pixel/two_step": 1.25}));
    assert_eq!(json(echo.run().join("spec.json"))["spec"]["backend"]["name"], "echo");
    let status = json(echo.run().join("status.json"));
    assert_eq!((&status["state"], &status["step"]), (&"done".into(), &3.into()));

    // Once more in the same directory: the rows after step 0 are void.
    let again = echo.start(&["resume", "run"]).ended();
    assert_eq!(again.code, Some(0), "{again:#?}");
    assert_eq!(text(echo.run().join("metrics.jsonl")), [1, 2, 3].map(row).concat());
    assert!(text(echo.run().join("exp.log")).contains("resumed from step 0"));
}

#[test]
fn what_it_finds_wrong_is_shown_with_its_place() {
    let problems = r#"problems='[{"key":"train.steps","message":"too few"},{"key":"model","message":"too large"}]'"#;
    let echo = Echo::new(&[CALM, problems, THREE_STEPS]);
    let ended = echo.exp();
    assert_eq!(ended.code, Some(2), "{ended:#?}");
    ended.says(&["error: train.steps: too few\n  --> command line: `train.steps=3`", "error: model: too large"]);
    assert_eq!(echo.scratch.names(), [""; 0]);
}

#[test]
fn what_is_no_backend_is_refused() {
    for (functions, reason) in [
        (r#"describe() { echo '{"protocol":1,"name":"echo","devices":[]}'; }"#, "version 1 of the protocol, not 2"),
        (r#"describe() { echo '{"protocol":2,"name":"ohce","devices":[]}'; }"#, "it calls itself `ohce`"),
        ("describe() { echo hello; }", "its answer is not understood"),
        ("describe() { echo no libtorch >&2; exit 3; }", "exit status: 3: no libtorch"),
    ] {
        let echo = Echo::new(&[functions]);
        let ended = echo.exp();
        assert_eq!(ended.code, Some(2), "{ended:#?}");
        ended.says(&["backend.name: ", "exp-echo is no backend: ", reason, "`backend.name=echo`"]);
        assert_eq!(echo.scratch.names(), [""; 0]);
    }
    let echo = Echo::new(&[CALM, "check() { echo out of memory >&2; exit 1; }", THREE_STEPS]);
    let ended = echo.exp();
    assert_eq!(ended.code, Some(2), "{ended:#?}");
    ended.says(&["backend.name: ", "exit status: 1: out of memory"]);
    // What was composed is what is done.
    for change in ["s/\"seed\": 42/\"seed\": 43/", "s/\"name\": \"echo\"/\"name\": \"burn\"/"] {
        let check = format!("check() {{ calm \"$@\" | sed '{change}'; }}");
        let echo = Echo::new(&[&CALM.replace("check()", "calm()"), &check, THREE_STEPS]);
        let ended = echo.exp();
        assert_eq!(ended.code, Some(2), "{change}: {ended:#?}");
        ended.says(&["backend.name: ", "it answers with another spec"]);
        assert_eq!(echo.scratch.names(), [""; 0]);
    }
}

#[test]
fn a_failure_says_its_cause() {
    let fails = |end: &str| format!("worker() {{ echo \"$started\"; {end}; }}");
    Echo::new(&[CALM, THREE_STEPS, &fails(r#"echo '{"failed":"out of ink"}'"#)]).fails("out of ink");
    Echo::new(&[CALM, THREE_STEPS, &fails("kill -9 $$")]).fails("signal: 9 (SIGKILL)");
    Echo::new(&[CALM, THREE_STEPS, &fails("exit 7")]).fails("exit status: 7");
    Echo::new(&[CALM, THREE_STEPS, &fails("exit 0")]).fails("no report");
    Echo::new(&[CALM, THREE_STEPS, &fails("echo Segmentation fault; cat")]).fails("Segmentation fault");

    // What it said to a person before it died is told, and reaches the person too.
    let echo = Echo::new(&[CALM, THREE_STEPS, &fails("echo loading >&2; echo CUDA out of memory >&2; exit 1")]);
    echo.fails("exit status: 1 and no report: CUDA out of memory");

    // Of what is no line of the protocol, the beginning.
    let flood = "head -c 20000000 /dev/zero | tr '\\0' x; echo; cat";
    let echo = Echo::new(&[CALM, THREE_STEPS, &fails(flood)]);
    echo.fails("a line of more than 1048576 bytes: xxx");
    assert!(text(echo.run().join("status.json")).len() < 2000);

    // A process that it leaves behind, and that holds its output, is not waited for.
    let clock = Instant::now();
    Echo::new(&[CALM, THREE_STEPS, &fails("sleep 300 2>&- & kill -9 $$")]).fails("signal: 9 (SIGKILL)");
    assert!(clock.elapsed() < Duration::from_secs(60), "waited for a stranger");
}

#[test]
fn what_it_has_started_ends_with_it_whatever_went_wrong() {
    for end in ["echo nonsense; cat", "kill -9 $$", "exit 3"] {
        let worker = format!("worker() {{ sleep 300 & echo $! > $1/started; echo \"$started\"; {end}; }}");
        let echo = Echo::new(&[CALM, THREE_STEPS, &worker]);
        assert_eq!(echo.exp().code, Some(1));
        until_gone(&text(echo.run().join("started")));
    }
}

/// What is done is done, whatever the worker does next.
#[test]
fn one_that_does_not_end_after_its_report_is_not_waited_for() {
    let done = r#"echo '{"done":{"step":3,"interrupted":false,"figures":[["fd",1.5],["kid",NaN]],"grid":null}}'"#;
    for after in ["sleep 300", "head -c 1000000 /dev/zero; sleep 300", "exec >&-; sleep 300"] {
        let worker = format!("worker() {{ echo \"$started\"; sleep 300 & echo $! > $1/started; {done}; {after}; }}");
        let (echo, clock) = (Echo::new(&[CALM, THREE_STEPS, &worker]), Instant::now());
        let ended = echo.exp();
        assert_eq!(ended.code, Some(0), "{after}: {ended:#?}");
        assert_eq!(json(echo.run().join("report.json")), serde_json::json!({"fd": 1.5, "kid": null}));
        assert!(clock.elapsed() < Duration::from_secs(60), "{after}");
        until_gone(&text(echo.run().join("started")));
    }
    let worker = r#"worker() { echo "$started"; exec >&-; touch $1/closed; sleep 300; }"#;
    let echo = Echo::new(&[CALM, THREE_STEPS, worker]);
    echo.fails("it closed its output without a report, and did not end");
    // Who asks it to stop meanwhile need not wait.
    let _ = fs::remove_file(echo.run().join("closed"));
    let mut running = echo.start(&["resume", "run"]);
    assert!(running.until(|| echo.run().join("closed").exists()));
    let clock = Instant::now();
    running.signal("INT");
    running.ended();
    assert!(clock.elapsed() < Duration::from_secs(4));
}

/// Two in one directory would spoil it.
#[test]
fn one_that_outlives_exp_holds_its_run() {
    let worker = r#"worker() {
        echo $$ > "$1/worker"
        while [ ! -e "$1/go" ]; do sleep 0.02; done
        three "$1"
    }"#;
    let echo = Echo::new(&[CALM, &THREE_STEPS.replace("worker()", "three()"), worker]);
    let mut running = echo.start_run();
    let number = echo.run().join("worker");
    assert!(running.until(|| fs::read_to_string(&number).is_ok_and(|pid| pid.ends_with('\n'))));
    running.kill_9();
    let refused = echo.start(&["resume", "run"]).ended();
    assert_eq!(refused.code, Some(2), "{refused:#?}");
    refused.says(&[&format!("run is in use by process {} on ", text(&number).trim())]);
    fs::write(echo.run().join("go"), "").unwrap();
    let clock = Instant::now();
    loop {
        let ended = echo.start(&["resume", "run"]).ended();
        match ended.code {
            Some(0) => break,
            code => assert!(code == Some(2) && clock.elapsed() < Duration::from_secs(60), "{ended:#?}"),
        }
    }
}

#[test]
fn a_stop_is_passed_on() {
    let worker = r#"worker() {
        echo "$started"
        echo '{"event":{"metrics":{"step":1,"values":[["loss",0.5]]}}}'
        read -r word
        [ "$word" = '"stop"' ] || exit 9
        echo '{"done":{"step":1,"interrupted":true,"figures":[],"grid":null}}'
    }"#;
    let echo = Echo::new(&[CALM, THREE_STEPS, worker]);
    let mut running = echo.start_run();
    running.until_rows(&echo.run(), 1);
    running.signal("INT");
    let ended = running.ended();
    assert_eq!(ended.code, Some(130), "{ended:#?}");
    ended.says(&["stopping after this step", "exp resume run"]);
    assert_eq!((echo.state().as_str(), echo.run().join("report.json").exists()), ("interrupted", false));
}

/// As when a queue stops all processes of a job: one that does not listen to the signal dies of it, of its own accord or not.
#[test]
fn a_signal_that_reaches_both_is_a_stop() {
    let dies = |whom: &str| {
        let row = r#"echo '{"event":{"metrics":{"step":2,"values":[["loss",0.5]]}}}'"#;
        let worker = format!("worker() {{ echo \"$started\"; {row}; kill -TERM {whom}; sleep 9; }}");
        Echo::new(&[CALM, THREE_STEPS, &worker])
    };
    let echo = dies("$PPID $$");
    let ended = echo.exp();
    assert_eq!(ended.code, Some(130), "{ended:#?}");
    ended.says(&["exp resume run"]);
    let status = json(echo.run().join("status.json"));
    assert_eq!((&status["state"], &status["step"]), (&"interrupted".into(), &2.into()));
    dies("$$").fails("signal: 15 (SIGTERM)");
}

#[test]
fn a_second_signal_ends_at_once() {
    // Deaf to the word, to signals, and to the end of its input.
    let worker = r#"worker() {
        trap '' INT TERM
        echo $$ > "$1/started"
        echo "$started"
        echo '{"event":{"metrics":{"step":1,"values":[["loss",0.5]]}}}'
        while :; do sleep 300; done
    }"#;
    let sweep = ["-m", "backend.name=echo", "train.steps=3", "seed=7", "hydra.sweep.dir=sweep"];
    let alone = ["backend.name=echo", "train.steps=3", "hydra.run.dir=run"];
    let local = [&sweep[..], &["hydra/launcher=local"]].concat();
    for (words, run) in [(&alone[..], "run"), (&sweep, "sweep/0"), (&local, "sweep/0")] {
        let echo = Echo::new(&[CALM, THREE_STEPS, worker]);
        let (mut running, run) = (echo.start(words), echo.scratch.path(run));
        running.until_rows(&run, 1);
        while !running.has_ended() {
            running.signal("INT");
            std::thread::sleep(Duration::from_millis(50));
        }
        assert_eq!(running.ended().code, Some(130));
        until_gone(&text(run.join("started")));
    }
}

/// A driver's library with two GPUs, of which it tells what a test can recognise.
const NVML: &str = r#"
typedef struct { unsigned version; unsigned long long total, reserved, free, used; } memory;
typedef struct { unsigned gpu, memory; } rates;
int nvmlInit_v2(void) { return 0; }
int nvmlShutdown(void) { return 0; }
int nvmlDeviceGetHandleByIndex_v2(unsigned index, void **device) { *device = (void *)(long)(index + 1); return index > 6 ? 6 : 0; }
int nvmlDeviceGetMemoryInfo_v2(void *device, memory *m) { m->used = (unsigned long long)(long)device << 30; return 0; }
int nvmlDeviceGetUtilizationRates(void *device, rates *r) { r->gpu = 10 * (unsigned)(long)device; r->memory = 1; return 0; }
"#;

#[test]
fn gpus_are_watched() {
    let echo = Echo::new(&[CALM, THREE_STEPS]);
    let (source, library) = (echo.scratch.path("nvml.c"), echo.scratch.path("libnvidia-ml.so.1"));
    fs::write(&source, NVML).unwrap();
    let built = Command::new("cc").args(["-shared", "-fPIC", "-o"]).args([&library, &source]).status().unwrap();
    assert!(built.success());
    let run = |name: &str, device: &str| {
        let words = ["backend.name=echo", "train.steps=3", &format!("hydra.run.dir={name}"), device];
        let mut command = echo.command(&words);
        command.env("LD_LIBRARY_PATH", echo.scratch.path("")).env("CUDA_VISIBLE_DEVICES", "5,2");
        let ended = Running::of(command).ended();
        assert_eq!(ended.code, Some(0), "{ended:#?}");
        rows(echo.scratch.path(name).join("system.jsonl")).remove(0)
    };
    // The second GPU that the run sees is number 2 of the machine.
    let row = run("gpu", "backend.device=cuda:1");
    assert_eq!((&row["gpu1_memory_mib"], &row["gpu1_use_percent"]), (&3072.0.into(), &30.0.into()), "{row:?}");
    let row = run("both", "backend.devices=[cuda:0,cuda:1]");
    assert_eq!((&row["gpu0_memory_mib"], &row["gpu1_memory_mib"]), (&6144.0.into(), &3072.0.into()), "{row:?}");
    assert!(!run("cpu", "backend.device=cpu").keys().any(|key| key.starts_with("gpu")));
}
