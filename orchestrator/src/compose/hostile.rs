//! Input that means harm: it must be refused, and quickly, with a message; never by a crash.

use super::{Composed, Library, Mode, Part, Place, Problems, Request, SearchPath, View, World, compose};

fn composed(files: &[(&str, &str)], words: &[&str]) -> Result<Composed, Problems> {
    let leak = |text: &str| -> &'static str { text.to_owned().leak() };
    let files: Vec<_> = files.iter().map(|(name, text)| (leak(name), leak(text))).collect();
    let library = Library::new(SearchPath::new(Place::Embedded(files.leak())));
    let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
    let world = World {
        env: Default::default(),
        now: "2024-01-02T03:04:05[UTC]".parse().expect("an instant"),
        cwd: "/".into(),
        job_name: "exp".to_owned(),
    };
    let request = Request {
        library: &library,
        config_name: "config",
        overrides: &words,
        mode: Mode::Run,
        job: None,
        world: &world,
    };
    compose(&request)
}

fn refused(files: &[(&str, &str)], words: &[&str], message: &str) {
    match composed(files, words) {
        Ok(_) => panic!("{words:?} was accepted"),
        Err(problems) => assert!(problems.to_string().contains(message), "{problems}"),
    }
}

fn unresolvable(text: &str, message: &str) {
    let composed = composed(&[("config.yaml", text)], &[]).expect("a tree");
    let problems = composed.job().expect_err("no values").to_string();
    assert!(problems.contains(message), "{problems}");
    let view = View { part: Part::Job, resolve: true, ..View::default() };
    assert!(composed.print(&view).is_err());
}

#[test]
fn nesting_is_bounded() {
    let deep = |open: &str, close: &str| format!("{}1{}", open.repeat(10_000), close.repeat(10_000));
    for text in [deep("[", "]"), deep("{a: ", "}"), format!("\n {}", "- ".repeat(10_000))] {
        refused(&[("config.yaml", &format!("x: {text}"))], &[], "nested deeper");
    }
    let config = [("config.yaml", "a: 1")];
    refused(&config, &[&format!("+a={}", deep("[", "]"))], "nested deeper");
    refused(&config, &[&format!("+a={}", deep("int(", ")"))], "nested deeper");
    refused(&config, &[&format!("+a{}=1", ".a".repeat(10_000))], "more than 64 keys");
    refused(&[("config.yaml", &format!("a: '{}'", deep("${", "}")))], &[], "nested deeper");
    let package = format!("defaults: [{{'g@{}x': o}}]", "x.".repeat(10_000));
    refused(&[("config.yaml", &package), ("g/o.yaml", "a: 1")], &[], "too many levels");
}

#[test]
fn long_chains_and_large_files_are_refused() {
    let chain: String = (0..10_000).map(|n| format!("k{n}: ${{k{}}}\n", n + 1)).collect();
    unresolvable(&format!("{chain}k10000: 1\n"), "refers to itself");
    let dir = tempfile::tempdir().expect("a directory");
    let large = std::fs::File::create(dir.path().join("large.yaml")).expect("a file");
    large.set_len(100 << 20).expect("room");
    std::fs::write(dir.path().join("latin.yaml"), b"a: caf\xe9\n").expect("a file");
    let library = Library::new(SearchPath::new(Place::Dir(dir.path().to_owned())));
    for (name, why) in [("large", "larger than"), ("latin", "not UTF-8")] {
        let problem = library.load(name).expect_err(name).to_string();
        assert!(problem.contains(why), "{problem}");
    }
}

#[test]
fn aliases_cannot_explode() {
    let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for n in 1..12 {
        let items = vec![format!("*a{}", n - 1); 10].join(", ");
        bomb.push_str(&format!("a{n}: &a{n} [{items}]\n"));
    }
    refused(&[("config.yaml", &bomb)], &[], "aliases expanded");
    refused(&[("config.yaml", "a: &a [*a]")], &[], "alias");
}

#[test]
fn interpolations_cannot_explode() {
    unresolvable("a: ${b}\nb: ${a}", "refers to itself");
    unresolvable("a: {b: '${a}', c: '${a}'}", "holds this interpolation");
    unresolvable("a: {b: '${c}', c: '${c}'}\nc: {d: '${a}', e: '${a}'}", "itself");
    let doubling = |item: &str| {
        let lines = (1..40).map(|n| format!("a{n}: {}\n", item.replace('#', &format!("${{a{}}}", n - 1))));
        "a0: xxxxxxxxxx\n".to_owned() + &lines.collect::<String>()
    };
    unresolvable(&doubling("'##'"), "grows beyond");
    unresolvable(&doubling("['#', '#']"), "without end");
    unresolvable("a: {b: '${oc.select:a}', c: '${oc.select:a}'}", "itself");
    let references = "'${big}', ".repeat(2000);
    let numbers = "0, ".repeat(2000);
    let keys: String = (0..2000).map(|n| format!("a{n}: 1, ")).collect();
    for big in [format!("[{numbers}]"), format!("{{{keys}}}")] {
        unresolvable(&format!("big: {big}\nall: [{references}]"), "without end");
    }
    let many: String = (0..2000).map(|n| format!("k{n}: {{x: 1}}\n")).collect();
    let base: String = (0..2000).map(|n| format!("k{n}: ${{big}}\n")).collect();
    let base = format!("big: {{{}}}\n{base}", (0..500).map(|n| format!("a{n}: 1, ")).collect::<String>());
    refused(
        &[("config.yaml", "defaults: [base, over]"), ("base.yaml", &base), ("over.yaml", &many)],
        &[],
        "without end",
    );
}

#[test]
fn defaults_lists_cannot_run_away() {
    refused(&[("config.yaml", "defaults: [config]")], &[], "without end");
    refused(
        &[("config.yaml", "defaults: [g: a]"), ("g/a.yaml", "defaults: [b]"), ("g/b.yaml", "defaults: [a]")],
        &[],
        "without end",
    );
    let mut files = vec![("config.yaml".to_owned(), "defaults: [l0]".to_owned())];
    for n in 0..60 {
        files.push((format!("l{n}.yaml"), format!("defaults: [l{}, l{}]", n + 1, n + 1)));
    }
    files.push(("l60.yaml".to_owned(), "a: 1".to_owned()));
    let files: Vec<(&str, &str)> = files.iter().map(|(name, text)| (&**name, &**text)).collect();
    refused(&files, &[], "without end");
}

#[test]
fn names_stay_within_the_configuration() {
    let config = |text: &'static str| [("config.yaml", text), ("g/o.yaml", "a: 1")];
    refused(&config("defaults: [../../etc/passwd]"), &[], "leads out");
    refused(&config("defaults: [g: ../../x]"), &[], "leads out");
    refused(&config("defaults: [g: o]"), &["g=../../../etc/passwd"], "leads out");
    refused(&config("defaults: [g: \"o\\0\"]"), &[], "NUL");
    refused(&config("defaults: [g: o]"), &["g=/etc/passwd"], "there is no");
}

#[test]
fn rubbish_is_refused_with_a_message() {
    for text in [
        "a: 99999999999999999999999999999999999999999999",
        "a: \u{1}",
        "a: {",
        "a: *x",
        "a: ${",
        "- 1",
        "1",
        "? [a]\n: 1",
    ] {
        assert!(composed(&[("config.yaml", text)], &[]).is_err(), "{text}");
    }
    for word in [
        "",
        "=",
        "=1",
        "a",
        "~",
        "a=\u{0}",
        "a=9999999999999999999999999999999999999999999",
        "a=é",
        "hydra=1",
        "~hydra.run",
        "hydra.run=null",
    ] {
        assert!(composed(&[("config.yaml", "a: 1")], &[word]).is_err(), "{word}");
    }
}
