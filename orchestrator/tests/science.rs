//! The science through the program: every part can be chosen and trained, what cannot be is refused before anything is
//! written, and runs can be chained.
#![expect(clippy::unwrap_used, reason = "a test may end by a panic")]

mod support;

use std::fs;
use std::path::Path;

use safetensors::SafeTensors;
use support::{Scratch, json, names, rows};

/// Two steps of a diffusion model, or of what follows it.
const SMALL: [&str; 7] = [
    "model.torso.n_channels=8",
    "train.steps=4",
    "train.batch=4",
    "train.log_every=1",
    "eval.n=16",
    "sample.steps=2",
    "train.checkpoint_every=2",
];

/// The values of the last checkpoint's tensors whose names start with `prefix`.
fn values(run: &Path, step: u64, prefix: &str) -> Vec<f64> {
    let bytes = fs::read(run.join(format!("checkpoints/{step}/state.safetensors"))).unwrap();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    let mut tensors: Vec<_> = file.iter().filter(|(name, _)| name.starts_with(prefix)).collect();
    tensors.sort_by_key(|(name, _)| name.to_owned());
    assert!(!tensors.is_empty(), "no tensor starts with {prefix}");
    let single = |bytes: &[u8; 4]| f64::from(f32::from_le_bytes(*bytes));
    tensors.iter().flat_map(|(_, view)| view.data().as_chunks::<4>().0.iter().map(single)).collect()
}

/// The seeds' data parallel training: the batch is split, gradients averaged, one update. Features are dropped, so that
/// masks must be the same as well.
#[test]
fn two_devices_give_what_accumulation_over_their_halves_gives() {
    let scratch = Scratch::new();
    let shared = ["train.batch=8", "train.log_every=1", "model.torso.dropout=0.3", "backend.threads=2"];
    let split = scratch.tiny_run("split", &[&shared[..], &["backend.devices=[cpu,cpu]"]].concat());
    let parts = ["backend.devices=[cpu]", "train.micro_batch=4"];
    let summed = scratch.tiny_run("summed", &[&shared[..], &parts].concat());
    let whole = scratch.tiny_run("whole", &[&shared[..], &["backend.devices=[cpu]"]].concat());

    let close = |a: &[f64], b: &[f64], tolerance: f64| {
        let size = a.iter().map(|value| value * value).sum::<f64>().sqrt();
        let off = a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum::<f64>().sqrt();
        a.len() == b.len() && off <= tolerance * size
    };
    for prefix in ["param/", "ema/"] {
        let [a, b] = [&split, &summed].map(|run| values(run, 6, prefix));
        assert!(close(&a, &b, 1e-6), "{prefix}");
    }
    assert_eq!(rows(split.join("metrics.jsonl")).len(), 6);
    for (a, b) in rows(split.join("metrics.jsonl")).iter().zip(&rows(summed.join("metrics.jsonl"))) {
        let numbers = |row: &serde_json::Map<String, serde_json::Value>| -> Vec<f64> {
            row.values().map(|value| value.as_f64().unwrap()).collect()
        };
        assert!(numbers(a).iter().zip(numbers(b)).all(|(a, b)| (a - b).abs() <= 1e-6 * a.abs()), "{a:?} {b:?}");
    }
    // Masks are drawn for each part: the whole batch at once drops other features.
    assert!(!close(&values(&split, 6, "param/"), &values(&whole, 6, "param/"), 1e-6));
}

#[test]
fn every_part_can_be_chosen_and_trained() {
    let scratch = Scratch::new();
    let choices: [&[&str]; 12] = [
        &["loss=l1"],
        &["loss=l2", "train.optimizer=adam", "train.clip=0.1", "train.clip_by=norm"],
        &["loss=score_guided", "schedule.kind=edm", "schedule.p_mean=-1.2", "schedule.p_std=1.2", "train.warmup=1"],
        &["loss.gradient_flow=false", "loss.shared_dropout=false", "model.torso.dropout=0.5", "train.head_lr=1e-4"],
        &["loss=edm", "model.precondition=edm", "model.head=null"],
        &["model/head=conv", "model.head.n_groups=4", "ema.update_every=2", "ema.update_after=0"],
        &["model/head=baseline_small", "model.head.n_channels=4"],
        &["model/head=score_pde", "model.head.factor.n_channels=4", "model.head.factor.n_groups=4"],
        &["model.head=null", "model/torso=unet_small", "model.torso.n_channels=8"],
        &["model.head=null", "model/torso=unetpp_small", "model.torso.n_channels=8"],
        &["model.head=null", "model/torso=mincy_small", "model.torso.num_init_channels=4"],
        &["model.head=null", "schedule.s0=2", "schedule.skip_lowest=true"],
    ];
    for choice in choices {
        let size = ["train.steps=2", "train.batch=4", "eval.n=16", "sample.steps=2", "train.log_every=1"];
        let narrow: &[&str] = match choice.iter().any(|word| word.starts_with("model/torso")) {
            true => &[],
            false => &["model.torso.nf=4", "model.torso.ch_mult=[1]"],
        };
        let head: &[&str] = match choice.iter().any(|word| word.starts_with("model/head") || *word == "model.head=null")
        {
            true => &[],
            false => &["model.head.n_channels=4"],
        };
        let run = scratch.path("run");
        scratch.ok(&[&size[..], narrow, head, choice, &["hydra.run.dir=run"]].concat());
        let losses: Vec<f64> =
            rows(run.join("metrics.jsonl")).iter().map(|row| row["loss"].as_f64().unwrap()).collect();
        assert!(losses.len() == 2 && losses.iter().all(|loss| loss.is_finite()), "{choice:?}: {losses:?}");
        fs::remove_dir_all(run).unwrap();
    }
}

#[test]
fn what_cannot_work_together_is_refused_with_the_reason() {
    let scratch = Scratch::new();
    let cases: [(&[&str], &str); 30] = [
        (&["model.torso.double_heads=true"], "model.torso.double_heads: expected false"),
        (&["model.torso.progressive=output_skip"], "output_skip leaves no last features for a head"),
        (&["model.head=null", "sample.method=heun"], "sample.method: heun needs a score head or a diffusion model"),
        (&["model.head=null", "eval.methods=[heun]"], "eval.methods: heun needs a score head or a diffusion model"),
        (&["sample.sigmas=[1.0,2.0]"], "sample.sigmas: expected falling noise levels between 20 and 0.002"),
        (
            &["sample.method=two_step", "sample.mid_sigma=90"],
            "sample.mid_sigma: expected a noise level from 0.002 to 20",
        ),
        (&["sample.classes=[1]"], "sample.classes: the torso sees no classes"),
        (
            &["model=mincy_small", "sample.classes=[1,10]"],
            "expected classes below model.torso.num_classes = 10, found 10",
        ),
        (
            &["model=mincy_small", "model.torso.num_classes=4"],
            "expected at least 10, the classes of the data set, found 4",
        ),
        (&["sample.mid_sigma=0.001"], "sample.mid_sigma: expected a noise level from 0.002 to 20"),
        (&["loss=edm"], "model.head: expected null: a diffusion model"),
        (&["schedule.s0=1", "schedule.skip_lowest=true"], "schedule.s0: expected at least 2"),
        (&["loss.kind=lpips"], "loss.lpips.weights: expected a safetensors file with the weights of VGG16 and LPIPS"),
        (&["loss=lpips", "loss.lpips.weights=/nowhere/vgg"], "loss.lpips.weights: cannot read /nowhere/vgg"),
        (&["eval.metrics=[fid_tf]"], "eval.inception.weights: fid_tf needs a safetensors file with the weights"),
        (
            &["sample.method=intermediate", "sample.start_sigma=90"],
            "sample.start_sigma: expected a noise level from 0.002 to 20, found 90",
        ),
        (
            &["eval.methods=[intermediate]", "sample.start_sigma=0.001"],
            "sample.start_sigma: expected a noise level from 0.002 to 20, found 0.001",
        ),
        (
            &["eval.metrics=[pae]", "eval.pae.sigma_min=20"],
            "eval.pae.sigma_min: expected a number below schedule.sigma_max = 20, found 20",
        ),
        (&["eval.pae.draws=65537"], "eval.pae.draws: expected a whole number from 1 to 65536"),
        (&["init_from=/nowhere"], "init_from: cannot start from /nowhere"),
        (&["+experiment=ect_small"], "init_from: no value is given"),
        (
            &["+experiment=edm_small", "eval.metrics=[pae]"],
            "eval.metrics: pae needs a consistency model, and loss.kind=edm is a diffusion model",
        ),
        (
            &["dataset=images", "dataset.dir=.", "dataset.side=28"],
            "eval.metrics: fd_pixel pools to 8x8 and so needs sides that are multiples of 8, not ",
        ),
        (&["eval.metrics=[fd_pixel,fd_pixel]"], "eval.metrics.1: `fd_pixel` stands there already"),
        (&["eval.methods=[two_step,two_step]"], "eval.methods.1: `two_step` stands there already"),
        (&["train.optimizer=adam", "train.eps=0"], "train.eps: expected a number of at least 1e-37, found 0"),
        (&["schedule.sigma_max=1e300"], "schedule.sigma_max: expected a number whose square f32 holds, found 1e300"),
        (&["schedule.rho=0.001"], "schedule.rho: of "),
        (&["schedule.kind=edm", "schedule.p_mean=200"], "schedule.p_mean: 2e2 can draw a noise level of 7.2"),
        (&["schedule.kind=ect", "schedule.p_std=50"], "schedule.p_std: 5e1 can draw a noise level of "),
    ];
    for (words, told) in cases {
        let ended = scratch.exp(words);
        assert_eq!(ended.code, Some(2), "{words:?}: {ended:#?}");
        ended.says(&[told]);
        assert!(scratch.names().is_empty(), "{words:?} left {:?}", scratch.names());
    }
}

/// The course of the rate is the run's: a diffusion model has no curriculum, so that the curriculum's length is nothing to it.
#[test]
fn the_rate_does_not_follow_the_curriculum() {
    let scratch = Scratch::new();
    let weights = |name: &str, words: &[&str]| {
        let place = format!("hydra.run.dir={name}");
        let own = ["+experiment=edm_small", "train.lr_decay=1.0", "eval.metrics=[]", "sample.n=0", &place];
        scratch.ok(&[&own, &SMALL[..], words].concat());
        values(&scratch.path(name), 4, "param/")
    };
    let whole = weights("whole", &[]);
    assert_eq!(weights("short", &["schedule.horizon=2"]), whole);
    assert_ne!(weights("twice", &["train.horizon=2"]), whole, "the rate falls twice");
}

/// A diffusion model, and a consistency model tuned from it.
#[test]
fn a_run_starts_from_the_weights_of_another() {
    let scratch = Scratch::new();
    let run = |name: &str, words: &[&str]| {
        let place = format!("hydra.run.dir={name}");
        scratch.ok(&[words, &SMALL, &[&place]].concat());
        scratch.path(name)
    };
    let edm = run("edm", &["+experiment=edm_small"]);
    let figures: Vec<String> = json(edm.join("report.json")).as_object().unwrap().keys().cloned().collect();
    assert_eq!(figures, ["fd_pixel", "fd_pixel_untrained"], "by Heun's method, which a diffusion model needs");
    let row = &rows(edm.join("metrics.jsonl"))[0];
    assert!(row.contains_key("loss/denoising") && !row.contains_key("loss/consistency"));

    let still = ["train.lr=1e-30", "train.steps=1"];
    let place = ["hydra.run.dir=ect"];
    scratch.ok(&[&["+experiment=ect_small", "init_from=edm"], &SMALL[..], &still, &place].concat());
    assert_eq!(values(&scratch.path("ect"), 1, "param/"), values(&edm, 4, "ema/"));
    // With a head, which the diffusion model has not: it starts as drawn.
    let head = ["model/head=baseline_small", "model.precondition=edm", "hydra.run.dir=headed"];
    scratch.ok(&[&["+experiment=ect_small", "init_from=edm"], &SMALL[..], &still, &head].concat());
    assert_eq!(values(&scratch.path("headed"), 1, "param/torso/"), values(&edm, 4, "ema/"));
    assert!(values(&scratch.path("headed"), 1, "param/head/").iter().any(|&value| value != 0.0));

    let other = scratch.exp(
        &[&["+experiment=ect_small", "init_from=edm", "hydra.run.dir=other"], &SMALL[..], &["model.torso.n_blocks=2"]]
            .concat(),
    );
    assert_eq!(other.code, Some(2));
    other.says(&["init_from: cannot start from", "is of another network"]);
    assert!(!scratch.path("other").exists());

    // A run that has begun needs its source no more.
    fs::rename(scratch.path("edm"), scratch.path("moved")).unwrap();
    scratch.ok(&["resume", "ect", "train.steps=2"]);
    scratch.ok(&["sample", "ect", "sample.n=2"]);
}

/// The names and the layout of EDM's SongUNet for images of 8x8, written out once more.
fn as_songunet(name: &str) -> String {
    let name = name.trim_start_matches("ema/torso/UNetpp_0/");
    let name = name.replace("enc_32x32_", "enc.8x8_").replace("enc_16x16_", "enc.4x4_");
    let name = name.replace("dec_32x32_", "dec.8x8_").replace("dec_16x16_", "dec.4x4_");
    format!("model.{}", name.replace("atten/", "").replace("scale", "weight").replace('/', "."))
}

#[test]
fn a_run_starts_from_a_file_of_songunet() {
    let scratch = Scratch::new();
    scratch.ok(&[&["+experiment=edm_small", "hydra.run.dir=edm"], &SMALL[..]].concat());
    let bytes = fs::read(scratch.path("edm/checkpoints/4/state.safetensors")).unwrap();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    let mut stored = Vec::new();
    for (name, view) in file.iter().filter(|(name, _)| name.starts_with("ema/")) {
        let (mut shape, mut data) = (view.shape().to_vec(), view.data().to_vec());
        // PyTorch's dense layers are (out, in).
        if let [inputs, outputs] = shape[..] {
            let value = |i: usize, o: usize| data[4 * (i * outputs + o)..4 * (i * outputs + o) + 4].to_vec();
            data = (0..outputs).flat_map(|o| (0..inputs).map(move |i| (i, o))).flat_map(|(i, o)| value(i, o)).collect();
            shape.reverse();
        }
        stored.push((as_songunet(name), shape, data));
    }
    let views = stored.iter().map(|(name, shape, data)| {
        (name.clone(), safetensors::tensor::TensorView::new(safetensors::Dtype::F32, shape.clone(), data).unwrap())
    });
    fs::write(scratch.path("edm.safetensors"), safetensors::serialize(views, None).unwrap()).unwrap();

    let still = ["train.lr=1e-30", "train.steps=1", "hydra.run.dir=ect"];
    scratch.ok(&[&["+experiment=ect_small", "init_from=edm.safetensors"], &SMALL[..], &still].concat());
    assert_eq!(values(&scratch.path("ect"), 1, "param/"), values(&scratch.path("edm"), 4, "ema/"));
    let other = scratch.exp(&["init_from=edm.safetensors"]);
    assert_eq!(other.code, Some(2));
    other.says(&["model.torso.name=unetpp alone can take"]);
}

/// The choices of every option in a folder of conf/, `loss=l1`, and in those below it.
fn choices(folder: &Path, group: &str) -> Vec<String> {
    let inner = names(folder).into_iter().filter(|name| folder.join(name).is_dir());
    let below = inner.flat_map(|name| choices(&folder.join(&name), format!("{group}/{name}").trim_start_matches('/')));
    let own = names(folder).into_iter().filter_map(|name| Some(name.strip_suffix(".yaml")?.to_owned()));
    let sign = if group == "experiment" { "+" } else { "" };
    let own = own.filter(|_| !group.is_empty()).map(|option| format!("{sign}{group}={option}"));
    own.chain(below).collect()
}

/// Every option as it stands, with no more beside it than it needs.
#[test]
fn every_option_composes() {
    let scratch = Scratch::new();
    fs::create_dir(scratch.path("pictures")).unwrap();
    image::RgbImage::new(32, 32).save(scratch.path("pictures/1.png")).unwrap();
    let all = choices(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../conf"), "");
    for folder in ["backend=", "+experiment=", "model=", "model/torso=", "model/head=", "schedule=", "eval="] {
        assert!(all.iter().any(|choice| choice.starts_with(folder)), "{folder} is not among {all:?}");
    }
    for choice in &all {
        let needed: &[&str] = match choice.as_str() {
            "backend=command" => &["backend.argv=[sh]"],
            "dataset=cifar10" | "dataset=images" => &["dataset.dir=pictures"],
            "+experiment=cifar10_small" | "+experiment=edm" | "+experiment=ict_paper" => &["dataset.dir=pictures"],
            "+experiment=ect" => &["dataset.dir=pictures", "init_from=null"],
            "+experiment=ect_small" | "init=run" => &["init_from=null"],
            "+experiment=mincy" | "+experiment=mincy_as_coded" | "+experiment=score_guided" | "+experiment=vanilla" => {
                &["dataset.dir=pictures"]
            }
            "loss=edm" => &["model.head=null"],
            "model/head=baseline" | "model/head=conv" | "model/head=unetpp" => &["model=score_head"],
            "model/head=score_pde" | "model/head=score_pde_unetpp" => &["model=score_head"],
            // Without the library or the weights they are refused: what they are can be printed all the same.
            "backend=tch" | "loss=lpips" | "eval=fid" => &["--cfg=job"],
            _ => &[],
        };
        scratch.ok(&[&["--dry-run", choice], needed].concat());
    }
    let told = scratch.exp(&["--dry-run", "model/head=score_pde"]);
    told.says(&["model.head.factor.n_groups: "]);
    // Only where a loss uses pairs does the floor matter, and there it is the default.
    scratch.ok(&["--cfg=job", "schedule=edm"]).says(&["floor: true"]);
}
