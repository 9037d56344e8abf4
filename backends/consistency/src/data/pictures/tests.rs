//! Pictures of every format in every container, scaled, turned, skipped where they are faulty, and kept.

use std::io::Cursor;

use image::{ImageFormat, Rgb, RgbImage};

use super::super::source::tests::{everywhere, parquet};
use super::*;

fn encoded(size: u32, format: ImageFormat, pixel: impl Fn(u32, u32) -> [u8; 3]) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    RgbImage::from_fn(size, size, |x, y| Rgb(pixel(x, y))).write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

fn cifar10(dir: &Path, split: Split) -> Result<Dataset, DataError> {
    let dir = dir.display().to_string();
    Wanted::from(&Cifar10Spec { dir, split, flip: false, faulty: Faulty::Refuse }).open(None)
}

fn images(dir: &Path, side: u64, faulty: Faulty) -> ImagesSpec {
    let dir = dir.display().to_string();
    ImagesSpec { dir, split: Split::Train, colour: Colour::Rgb, side, classes: 2, flip: false, faulty }
}

#[test]
fn pictures_become_planes_in_row_order() {
    let dir = tempfile::tempdir().unwrap();
    let picture = |i: u8| encoded(32, ImageFormat::Png, move |x, y| [x as u8, y as u8, i]);
    let pictures: Vec<Vec<u8>> = (0..7).map(picture).collect();
    let rows: Vec<_> = pictures.iter().zip(3..).map(|(p, label)| (Some(p.as_slice()), label)).collect();
    parquet(&dir.path().join("train-00000-of-00002.parquet"), "img", &rows[..5]);
    parquet(&dir.path().join("train-00001-of-00002.parquet"), "img", &rows[5..]);
    let data = cifar10(dir.path(), Split::Train).unwrap();
    assert_eq!((data.len(), data.labels()), (7, &[3, 4, 5, 6, 7, 8, 9][..]));
    for i in 0..7 {
        let planes: Vec<&[u8]> = data.image(i).chunks(1024).collect();
        assert!((0..1024).all(|p| (planes[0][p], planes[1][p]) == ((p % 32) as u8, (p / 32) as u8)));
        assert!(planes[2].iter().all(|&v| v == i as u8));
    }
}

#[test]
fn jpeg_is_read_too() {
    let dir = tempfile::tempdir().unwrap();
    let flat = encoded(32, ImageFormat::Jpeg, |_, _| [200, 100, 50]);
    parquet(&dir.path().join("test.parquet"), "image", &[(Some(&flat), 0)]);
    let data = cifar10(dir.path(), Split::Test).unwrap();
    for (plane, expected) in data.image(0).chunks(1024).zip([200u8, 100, 50]) {
        assert!(plane.iter().all(|v| v.abs_diff(expected) <= 3), "{plane:?}");
    }
}

/// The same six pictures as parquet, as binary batches and as files, in folders and archives.
#[test]
fn every_format_in_every_container_holds_the_same_pictures() {
    let pixel = |i: u8, x: u32, y: u32| [x as u8 * 7 + i, y as u8 * 5, 255 - 10 * i];
    let picture = |i: u8| encoded(32, ImageFormat::Png, move |x, y| pixel(i, x, y));
    let record = |i: u8| -> Vec<u8> {
        let places = |c: usize| (0..1024u32).map(move |p| pixel(i, p % 32, p / 32)[c]);
        std::iter::once(i % 2).chain((0..3).flat_map(places)).collect()
    };
    let scratch = tempfile::tempdir().unwrap();
    let rows: Vec<Vec<u8>> = (0..6).map(picture).collect();
    let rows: Vec<_> = rows.iter().enumerate().map(|(i, p)| (Some(p.as_slice()), i as i64 % 2)).collect();
    parquet(&scratch.path().join("p"), "img", &rows);
    let shard = std::fs::read(scratch.path().join("p")).unwrap();
    let [one, two] = [0..3, 3..6].map(|part| part.flat_map(record).collect::<Vec<u8>>());
    // Sorted by class, since folders are.
    let files: Vec<(String, Vec<u8>)> =
        (0..6).map(|i| (format!("train/{}/{i}.png", ["cat", "dog"][i as usize % 2]), picture(i))).collect();
    let files: Vec<(&str, &[u8])> = files.iter().map(|(name, bytes)| (name.as_str(), bytes.as_slice())).collect();
    let data = |set: &[(&str, &[u8])]| {
        let (_dir, paths) = everywhere(set);
        let open = |path: &std::path::PathBuf| Wanted::from(&images(path, 32, Faulty::Refuse)).open(None).unwrap();
        let found: Vec<Dataset> = paths.iter().map(open).collect();
        assert!(found.iter().all(|data| *data == found[0]));
        found.into_iter().next().unwrap()
    };
    let of_rows = data(&[("data/train-00000-of-00001.parquet", &shard)]);
    assert_eq!((of_rows.len(), of_rows.labels()), (6, &[0, 1, 0, 1, 0, 1][..]));
    let batches = [("cifar/data_batch_1.bin", one.as_slice()), ("cifar/data_batch_2.bin", &two)];
    assert_eq!(data(&batches), of_rows);
    let of_files = data(&files);
    assert_eq!(of_files.labels(), [0, 0, 0, 1, 1, 1]);
    for (at, i) in [0, 2, 4, 1, 3, 5].into_iter().enumerate() {
        assert_eq!(of_files.image(at), of_rows.image(i));
    }
}

#[test]
fn other_sizes_are_scaled_and_cut_at_their_middle() {
    let dir = tempfile::tempdir().unwrap();
    // Red, green, green, blue from left to right: the middle of a wide picture is green.
    let wide =
        RgbImage::from_fn(64, 32, |x, _| Rgb([[255, 0, 0], [0, 255, 0], [0, 255, 0], [0, 0, 255]][x as usize / 16]));
    wide.save(dir.path().join("wide.png")).unwrap();
    let data = Wanted::from(&images(dir.path(), 8, Faulty::Refuse)).open(None).unwrap();
    let planes: Vec<&[u8]> = data.image(0).chunks(64).collect();
    let middle = |plane: &[u8]| plane.chunks(8).flat_map(|row| row[2..6].to_vec()).collect::<Vec<u8>>();
    assert!(middle(planes[1]).iter().all(|&v| v > 250), "{planes:?}");
    assert!(middle(planes[0]).iter().chain(&middle(planes[2])).all(|&v| v < 5), "{planes:?}");
    let scaled = |side: u64| {
        let kept = tempfile::tempdir().unwrap();
        let open = || Wanted::from(&images(dir.path(), side, Faulty::Refuse)).open(Some(kept.path())).unwrap();
        let [new, kept] = [open(), open()].map(|data| data.scaled().map(str::to_owned));
        assert_eq!(new, kept, "the copy says it too");
        new
    };
    assert_eq!(scaled(8).as_deref(), Some("scaled from 64x32"));
    let grey = ImagesSpec { colour: Colour::Grey, ..images(dir.path(), 8, Faulty::Refuse) };
    assert_eq!(Wanted::from(&grey).open(None).unwrap().shape(), Shape { channels: 1, height: 8, width: 8 });
    RgbImage::new(8, 8).save(dir.path().join("small.png")).unwrap();
    assert_eq!(scaled(8).as_deref(), Some("scaled"), "one of two");
    std::fs::remove_file(dir.path().join("wide.png")).unwrap();
    assert_eq!(scaled(8), None);
}

#[test]
fn a_faulty_row_is_named_or_skipped() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("train.parquet");
    let good = encoded(32, ImageFormat::Png, |x, _| [x as u8; 3]);
    let large = encoded(33, ImageFormat::Png, |x, _| [x as u8; 3]);
    let named = |text: String| text.replace(&*file.to_string_lossy(), "FILE");
    let fault = |rows: &[(Option<&[u8]>, i64)]| {
        parquet(&file, "img", rows);
        named(cifar10(dir.path(), Split::Train).unwrap_err().to_string())
    };
    let (good, large) = (Some(good.as_slice()), Some(large.as_slice()));
    let size = "FILE, row 2 (from 0): an image of 33x33, expected 32x32";
    assert_eq!(fault(&[(good, 0), (good, 0), (large, 0), (Some(b"junk"), 0)]), size);
    assert_eq!(fault(&[(good, 0), (good, 10)]), "FILE, row 1 (from 0): label 10 is not one of 0 to 9");
    for junk in [b"junk".as_slice(), b"", &good.unwrap()[..good.unwrap().len() / 2]] {
        let text = fault(&[(good, 0), (good, 1), (good, 2), (Some(junk), 3)]);
        assert!(text.starts_with("FILE, row 3 (from 0): "), "{text}");
    }
    parquet(&file, "img", &[(Some(b"junk"), 0), (good, 1), (large, 0)]);
    let skipping = images(dir.path(), 32, Faulty::Skip);
    let data = Wanted::from(&skipping).open(None).unwrap();
    assert_eq!((data.len(), data.labels(), data.skipped().len()), (2, &[1, 0][..], 1));
    assert!(named(data.skipped()[0].clone()).starts_with("FILE, row 0 (from 0): "));
    assert_eq!(data.image(0)[..3], [0, 1, 2]);
    // A label is not the picture's fault: whole classes would be missing.
    parquet(&file, "img", &[(Some(b"junk"), 0), (good, 1), (good, 7)]);
    let told = Wanted::from(&skipping).open(None).unwrap_err().to_string();
    let label = "FILE, row 2 (from 0): label 7 is not one of 0 to 1; dataset.classes=8 would do";
    assert_eq!(named(told), label);
}

#[test]
fn a_faulty_file_among_others_is_skipped_as_its_pictures_are() {
    let dir = tempfile::tempdir().unwrap();
    let picture = encoded(32, ImageFormat::Png, |x, _| [x as u8; 3]);
    let [sound, cut] = ["train-00000-of-00002.parquet", "train-00001-of-00002.parquet"].map(|n| dir.path().join(n));
    parquet(&sound, "img", &[(Some(&picture), 0), (Some(&picture), 1)]);
    let bytes = std::fs::read(&sound).unwrap();
    std::fs::write(&cut, &bytes[..bytes.len() / 2]).unwrap();
    let [skipping, refusing] = [Faulty::Skip, Faulty::Refuse].map(|faulty| images(dir.path(), 32, faulty));
    let [skipping, refusing] = [&skipping, &refusing].map(Wanted::from);
    assert!(skipping.check().is_ok());
    let data = skipping.open(None).unwrap();
    assert_eq!((data.len(), data.skipped().len()), (2, 1));
    let fault = format!("cannot read {} as parquet: ", cut.display());
    assert!(data.skipped()[0].starts_with(&fault), "{:?}", data.skipped());
    for told in [refusing.check().unwrap_err(), refusing.open(None).unwrap_err()] {
        assert!(told.to_string().starts_with(&fault), "{told}");
    }
    // Nothing is left.
    std::fs::remove_file(&sound).unwrap();
    assert!(skipping.check().unwrap_err().to_string().starts_with(&fault));
    let told = skipping.open(None).unwrap_err().to_string();
    assert!(told.starts_with("expected at least two images, found 0; ") && told.contains(&fault), "{told}");

    let batches = tempfile::tempdir().unwrap();
    std::fs::write(batches.path().join("data_batch_1.bin"), vec![1; 2 * 3073]).unwrap();
    std::fs::write(batches.path().join("data_batch_2.bin"), vec![1; 3073 + 5]).unwrap();
    let data = Wanted::from(&images(batches.path(), 32, Faulty::Skip)).open(None).unwrap();
    assert_eq!((data.len(), data.skipped().len()), (2, 1));
}

/// What cameras write: the pixels lie on their side, and a number tells how they are to be turned.
#[test]
fn a_picture_is_turned_as_it_says() {
    let dir = tempfile::tempdir().unwrap();
    // As stored: the left half red, the right half blue.
    let mut stored = Cursor::new(Vec::new());
    let halves = RgbImage::from_fn(64, 32, |x, _| Rgb(if x < 32 { [255, 0, 0] } else { [0, 0, 255] }));
    halves.write_to(&mut stored, ImageFormat::Jpeg).unwrap();
    let stored = stored.into_inner();
    let turned = |orientation: u8| {
        // The Exif segment, behind the mark that opens the file: a directory with the one entry 0x0112.
        let entry = [0x12, 1, 3, 0, 1, 0, 0, 0, orientation, 0, 0, 0];
        let exif = [&b"Exif\0\0II*\0\x08\0\0\0\x01\0"[..], &entry, &[0; 4]].concat();
        let head = [0xff, 0xe1, 0, exif.len() as u8 + 2];
        std::fs::write(dir.path().join("1.jpg"), [&stored[..2], &head, &exif, &stored[2..]].concat()).unwrap();
        let data = Wanted::from(&images(dir.path(), 8, Faulty::Refuse)).open(None).unwrap();
        let red = |x: usize, y: usize| data.image(0)[y * 8 + x] > 128;
        ([red(1, 1), red(6, 1), red(1, 6), red(6, 6)], data.scaled().map(str::to_owned))
    };
    let across = Some("scaled from 64x32".to_owned());
    let upright = Some("scaled from 32x64".to_owned());
    // Top left, top right, bottom left, bottom right.
    assert_eq!(turned(1), ([true, false, true, false], across.clone()));
    assert_eq!(turned(3), ([false, true, false, true], across));
    assert_eq!(turned(6), ([true, true, false, false], upright.clone()), "a quarter to the right");
    assert_eq!(turned(8), ([false, false, true, true], upright), "a quarter to the left");
}

#[test]
fn more_folders_than_classes_are_told_with_the_key() {
    let dir = tempfile::tempdir().unwrap();
    for class in ["ant", "bee", "cat", "dog"] {
        std::fs::create_dir(dir.path().join(class)).unwrap();
        RgbImage::new(8, 8).save(dir.path().join(class).join("1.png")).unwrap();
    }
    let spec = images(dir.path(), 8, Faulty::Refuse);
    let told = Wanted::from(&spec).open(None).unwrap_err().to_string();
    assert!(told.ends_with("cat/1.png: label 2 is not one of 0 to 1; dataset.classes=4 would do"), "{told}");
    assert_eq!(Wanted::from(&ImagesSpec { classes: 4, ..spec }).open(None).unwrap().labels(), [0, 1, 2, 3]);
}

#[test]
fn a_kept_copy_serves_until_the_source_changes() {
    let (dir, kept) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let file = dir.path().join("train.parquet");
    let picture = |level: u8| encoded(32, ImageFormat::Png, move |_, _| [level; 3]);
    parquet(&file, "img", &[(Some(&picture(9)), 1), (Some(b"junk"), 0)]);
    let spec = images(dir.path(), 32, Faulty::Skip);
    let first = Wanted::from(&spec).open(Some(kept.path())).unwrap();
    assert_eq!(Wanted::from(&spec).open(Some(kept.path())).unwrap(), first, "skipped pictures too");
    let copy = std::fs::read_dir(kept.path()).unwrap().next().unwrap().unwrap().path();
    // What is in the copy is what is handed out: it is really read.
    let mut bytes = std::fs::read(&copy).unwrap();
    let end = bytes.len() - 1;
    bytes[end] ^= 1;
    std::fs::write(&copy, &bytes).unwrap();
    assert_ne!(Wanted::from(&spec).open(Some(kept.path())).unwrap(), first);
    std::fs::write(&copy, &bytes[..9]).unwrap();
    assert_eq!(Wanted::from(&spec).open(Some(kept.path())).unwrap(), first, "a damaged copy is made anew");
    let smaller = ImagesSpec { side: 8, ..spec.clone() };
    assert_eq!(Wanted::from(&smaller).open(Some(kept.path())).unwrap().shape().width, 8);
    parquet(&file, "img", &[(Some(&picture(200)), 1)]);
    assert_eq!(Wanted::from(&spec).open(Some(kept.path())).unwrap().image(0)[0], 200);
}
