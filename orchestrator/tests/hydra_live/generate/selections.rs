//! Defaults lists of every kind, packages, and overrides of groups.

use super::random::Random;
use super::{Case, view};

const GROUPS: [&str; 4] = ["g", "h", "g/s", "k"];
const OPTIONS: [&str; 4] = ["o", "p", "q", "1"];

/// Groups of files that ask for one another, and words that choose among them.
pub fn selections(random: &mut Random) -> Case {
    let mut case = Case::new(String::new());
    // Files of later groups are asked for by earlier ones, so that few lists go round in circles.
    for (n, group) in GROUPS.iter().enumerate() {
        for option in &OPTIONS[..2 + random.below(3)] {
            let list = if random.chance(35) { list(random, n + 1) } else { String::new() };
            let text = header(random) + &list + &body(random, &format!("{}_{option}", group.replace('/', "_")));
            case.files.insert(format!("{group}/{option}.yaml"), text);
        }
    }
    case.files.insert("base.yaml".to_owned(), header(random) + &body(random, "base"));
    case.files.insert("exp/one.yaml".to_owned(), experiment(random));
    let text = header_of_primary(random) + &list(random, 0) + &body(random, "config");
    case.files.insert("config.yaml".to_owned(), text);
    if random.chance(10) {
        case.files.insert("more/g/extra.yaml".to_owned(), body(random, "extra"));
        case.files.insert("more/h/o.yaml".to_owned(), body(random, "shadowed"));
        case.config_dir = Some("more".to_owned());
    }
    if random.chance(4) {
        case.name = random.word(&["exp/one", "base", "g/o", "config.yaml", "nope"]);
    }
    for _ in 0..random.below(3) {
        let word = word(random);
        case.words.push(word);
    }
    case.ask = view(random, &["g", "h", "x"].map(str::to_owned));
    case
}

fn word(random: &mut Random) -> String {
    let group = random.word(&GROUPS);
    let option = random.word(&OPTIONS);
    match random.below(14) {
        0..=4 => format!("{group}={option}"),
        5 | 6 => format!("+{group}={option}"),
        7 => format!("~{group}"),
        8 => format!("~{group}={option}"),
        9 => format!("{group}=[{option},{}]", random.word(&OPTIONS)),
        10 => format!(
            "{}{group}@{}={option}",
            random.word(&["", "+", "~"]),
            random.word(&["x", "x.y", "_global_", "g.x", "", "h", "_here_", "_group_"])
        ),
        11 => random.word(&[
            "+exp=one", "g=null", "g=", "g=[]", "g='1'", "g=1", "g={a:1}", "g=${h}", "++g=o", "g=extra", "g=s/o",
            "+h=${g}", "+g=null", "g/s=../o", "g=o.yaml",
        ]),
        12 => random.word(&[
            "++new=1",
            "own=2",
            "~own",
            "+g.z=1",
            "hydra/job_logging=none",
            "hydra.searchpath=[more]",
            "hydra/launcher=basic",
            "+hydra/env=default",
        ]),
        _ => "+exp=one".to_owned(),
    }
}

fn header(random: &mut Random) -> String {
    if random.chance(75) {
        return String::new();
    }
    random.word(&[
        "# @package _global_\n",
        "# @package x\n",
        "# @package x.y\n",
        "#@package _global_.z\n",
        "# @package _group_\n",
        "\n# @package x\n",
        "# note\n# @package x\n",
        "# @package\n",
        "# @package a b\n",
        "# @package: x\n",
        "---\n# @package x\n",
        "# @package _here_\n",
        "# @package _global_.x.y\n",
        "#  @package   x\n",
        "# @nope x\n",
        "## @package x\n",
        "# @package x # note\n",
    ])
}

fn header_of_primary(random: &mut Random) -> String {
    if random.chance(93) { String::new() } else { header(random) }
}

fn body(random: &mut Random, who: &str) -> String {
    let own = random.word(&["own: ", "own: ", "z: ", "d.e: ", "h: "]);
    let more = random.word(&["", "", "d: {a: 1}\n", "d: {b: 2}\n", "lst: [1]\n", "d: null\n", "g: {y: 1}\n"]);
    match random.below(16) {
        0 => String::new(),
        1 => "{}\n".to_owned(),
        2 => "# nothing\n".to_owned(),
        3 => random.word(&["hello\n", "[1]\n", "1\n", "null\n"]),
        _ => format!("{own}{who}\n{more}"),
    }
}

/// A defaults list whose entries name groups from the `from`th on.
fn list(random: &mut Random, from: usize) -> String {
    let groups = &GROUPS[from.min(GROUPS.len() - 1)..];
    let mut entries = Vec::new();
    let mut used: Vec<String> = Vec::new();
    for _ in 0..random.below(4) {
        let group = random.word(groups);
        let repeated = used.contains(&group);
        if repeated && random.chance(60) {
            continue;
        }
        used.push(group.clone());
        entries.push(entry(random, &group, from > 0, repeated));
    }
    if random.chance(40) {
        entries.insert(random.below(entries.len() + 1), "_self_".to_owned());
    }
    if random.chance(15) {
        let group = random.word(groups);
        let option = random.word(&OPTIONS);
        entries.push(random.word(&[
            &format!("override {group}: {option}"),
            &format!("override /{group}: {option}"),
            &format!("override {group}@x: {option}"),
            &format!("optional override {group}: {option}"),
        ]));
    }
    if entries.is_empty() && random.chance(90) {
        return String::new();
    }
    if random.chance(2) {
        return random.word(&[
            "defaults: null\n",
            "defaults: {g: o}\n",
            "defaults: g\n",
            "defaults: [[g]]\n",
            "defaults: [1]\n",
            "defaults: [{}]\n",
            "defaults: [null]\n",
        ]);
    }
    if random.chance(10) && entries.iter().all(|entry| !entry.contains(['[', '$'])) {
        return format!("defaults: [{}]\n", entries.join(", "));
    }
    "defaults:\n".to_owned() + &entries.iter().map(|entry| format!("- {entry}\n")).collect::<String>()
}

fn entry(random: &mut Random, group: &str, nested: bool, repeated: bool) -> String {
    let option = random.word(&OPTIONS[..3]);
    let slash = if nested && random.chance(70) { "/" } else { "" };
    let package = if repeated || random.chance(20) {
        random.word(&[
            "@x",
            "@x.y",
            "@_global_",
            "@_here_",
            "@_group_",
            "@_group_.sub",
            "@_global_.z",
            "@x:y",
            "@",
            "@y",
        ])
    } else {
        String::new()
    };
    match random.below(20) {
        0..=9 => format!("{slash}{group}{package}: {option}"),
        10 | 11 => format!("{slash}{group}/{option}{package}"),
        12 => format!("optional {slash}{group}{package}: {}", random.word(&["o", "nope", "null"])),
        13 => format!("{slash}{group}{package}: [{option}, {}]", random.word(&OPTIONS)),
        14 => format!("{slash}{group}{package}: null"),
        15 => format!(
            "{slash}{group}{package}: {}",
            random.word(&["???", "'1'", "1", "true", "nope", "o.yaml", "s/o", "[]"])
        ),
        16 => format!("{slash}{group}{package}: ${{{}}}", random.word(&["h", "g", "k", "nope", "g@x", "/h"])),
        17 => random.word(&["base", "/base", "base@x", "nope", "optional base", "_self_", "/g/o@y", "{}"]),
        18 => format!("{{{slash}{group}{package}: {option}}}"),
        _ => format!("{slash}{group}{package}: {option}"),
    }
}

/// The pattern of an experiment: a file at the root that changes what others chose.
fn experiment(random: &mut Random) -> String {
    let group = random.word(&GROUPS);
    let option = random.word(&OPTIONS);
    let list = match random.below(4) {
        0 => String::new(),
        1 => format!("defaults:\n- override /{group}: {option}\n"),
        2 => format!("defaults:\n- /{group}@y: {option}\n- override /{}: {option}\n- _self_\n", random.word(&GROUPS)),
        _ => format!(
            "defaults:\n- override /{group}: {option}\n- override /{}: {}\n",
            random.word(&GROUPS),
            random.word(&["o", "null", "[o, p]", "nope"])
        ),
    };
    let header = if random.chance(85) { "# @package _global_\n".to_owned() } else { header(random) };
    header + &list + &body(random, "exp")
}
