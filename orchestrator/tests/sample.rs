//! What is drawn: by `exp sample` from a finished run, and the grid of a run.
#![expect(clippy::unwrap_used, reason = "a test may end by a panic")]

mod support;

use std::fs;
use std::path::Path;

use support::{GAP, Scratch, TILE, names, png_size, repeated};

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

#[test]
fn a_network_that_sees_classes_draws_them() {
    let scratch = Scratch::new();
    let words = ["model=mincy_small", "model.torso.num_init_channels=4", "train.steps=2", "train.batch=4", "eval.n=16"];
    scratch.ok(&[&words[..], &["hydra.run.dir=run"]].concat());
    let drawn = |classes: &str| {
        let choice = format!("sample.classes={classes}");
        scratch.ok(&["sample", "run", "sample.n=2", &choice]);
        let files = names(&scratch.path("run/samples"));
        let folder = files.iter().find(|name| name.starts_with("last-one_step")).unwrap();
        let image = |i| fs::read(scratch.path(&format!("run/samples/{folder}/{i:06}.png"))).unwrap();
        let images = [image(0), image(1)];
        fs::remove_dir_all(scratch.path(&format!("run/samples/{folder}"))).unwrap();
        images
    };
    let [turns, threes, null] = ["[0,3]", "[3]", "null"].map(drawn);
    assert_ne!(turns[0], threes[0]);
    assert_eq!(turns[1], threes[1], "image 1 is of class 3 in both");
    assert_eq!(null[0], turns[0], "all classes in turn begin with class 0");
    assert_ne!(null[1], turns[1]);
}

/// A network for ten classes that has seen two: images get those two in turn.
#[test]
fn classes_that_the_data_has_not_are_not_drawn() {
    let scratch = Scratch::new();
    for (class, level) in [("dark", 10), ("light", 240)] {
        let folder = scratch.path(&format!("pictures/{class}"));
        fs::create_dir_all(&folder).unwrap();
        for i in 0..4 {
            image::GrayImage::from_pixel(8, 8, image::Luma([level + i])).save(folder.join(format!("{i}.png"))).unwrap();
        }
    }
    let data = ["dataset=images", "dataset.dir=pictures", "dataset.side=8", "dataset.colour=grey", "dataset.classes=2"];
    let words = ["model=mincy_small", "model.torso.num_init_channels=4", "train.steps=2", "train.batch=4"];
    scratch.ok(&[&data[..], &words, &["eval.metrics=[]", "sample.n=0", "hydra.run.dir=run"]].concat());
    let of = |classes: &str| drawn(&scratch, &["sample.n=4", &format!("sample.classes={classes}")]);
    let [null, own, all] = ["null", "[0,1]", "[0,1,2,3]"].map(of);
    assert_eq!(null, own);
    assert_ne!(null, all);
}

/// `sample.n` bounds what is drawn when training ends.
#[test]
fn the_grid_of_a_run_has_no_more_images_than_were_asked_for() {
    let scratch = Scratch::new();
    let height = |words: &[&str], name: &str| {
        let run = scratch.tiny_run(name, &[&["eval.metrics=[]"], words].concat());
        let log = fs::read_to_string(run.join("exp.log")).unwrap();
        let said = log.lines().find_map(|line| Some(line.split_once("drawing ")?.1.to_owned()));
        (image::open(run.join("samples/grid.png")).unwrap().height(), said.unwrap())
    };
    let (one, said) = height(&["sample.n=1"], "one");
    assert_eq!(said, "1 image by one_step, two_step, heun");
    // Tiles of 40 pixels with 4 between: one row, and eight.
    let (whole, said) = height(&[], "whole");
    assert_eq!((whole - one, said.as_str()), (7 * 44, "64 images by one_step, two_step, heun"));
}

#[test]
fn samples_follow_given_levels_and_start_from_noised_data() {
    let scratch = Scratch::new();
    scratch.tiny_run("run", &[]);
    let along = |sigmas: &str| drawn(&scratch, &["sample.n=3", "sample.method=multistep", sigmas]);
    let [both, first, none] = ["[5.0,0.5]", "[5.0]", "[]"].map(|sigmas| along(&format!("sample.sigmas={sigmas}")));
    assert_eq!((both.len(), first.len(), none.len()), (3, 3, 3));
    assert!(both != first && first != none && both != none);
    let two_step = drawn(&scratch, &["sample.n=3", "sample.method=two_step", "sample.mid_sigma=5.0"]);
    assert_eq!(first, two_step);
    assert_eq!(none, drawn(&scratch, &["sample.n=3", "sample.method=one_step"]));

    let digits = exp_api::spec::DatasetSpec::Digits8(exp_api::spec::Digits8Spec { flip: false });
    let digits = exp_consistency::data::open(&digits).unwrap();
    let apart = |sigma: &str| -> u8 {
        let images = drawn(&scratch, &["sample.n=3", "sample.method=intermediate", sigma]);
        let off = |(i, image): (usize, &Vec<u8>)| image.iter().zip(digits.image(i)).map(|(a, b)| a.abs_diff(*b)).max();
        assert_eq!(images.len(), 3);
        images.iter().enumerate().filter_map(off).max().unwrap()
    };
    // Noise of deviation 0.01 is 1.3 grey levels, and as much of an image comes from the network.
    let (near, far) = (apart("sample.start_sigma=0.01"), apart("sample.start_sigma=5.0"));
    assert!(near <= 8 && far > 64, "{near} and {far} grey levels");
}

/// The grey levels of the images that `exp sample run` draws.
fn drawn(scratch: &Scratch, words: &[&str]) -> Vec<Vec<u8>> {
    scratch.ok(&[&["sample", "run"], words].concat());
    let samples = scratch.path("run/samples");
    let folder = names(&samples).into_iter().find(|name| samples.join(name).is_dir()).unwrap();
    let folder = samples.join(folder);
    let files = names(&folder).into_iter().filter(|name| name.starts_with("00"));
    let images = files.map(|name| image::open(folder.join(name)).unwrap().into_luma8().into_raw()).collect();
    fs::remove_dir_all(folder).unwrap();
    images
}

/// The grey values of a PNG.
fn decoded(png: &[u8]) -> Vec<u8> {
    image::load_from_memory(png).unwrap().into_luma8().into_raw()
}

/// The drawn images of a directory, in order.
fn images(dir: &Path) -> Vec<Vec<u8>> {
    let numbered = |name: &&String| name.starts_with('0') && name.ends_with(".png");
    names(dir).iter().filter(numbered).map(|name| fs::read(dir.join(name)).unwrap()).collect()
}
