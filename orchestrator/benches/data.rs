//! Reading pictures: `taskset -c 0 cargo bench --bench data`, so that everything has one core.
//!
//! EXP_CIFAR10 names a folder with CIFAR-10: how long it takes from its files to decoded pixels, and from the kept copy.
//! EXP_PYTHON names a Python with Pillow, which decodes the same zip of PNG or JPEG files, in turns with us.

use std::error::Error;
use std::fs::File;
use std::io::{BufRead, BufReader, Cursor, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use exp_api::spec::{Cifar10Spec, Colour, DatasetSpec, Faulty, ImagesSpec, Split};
use exp_consistency::data::{Dataset, open_kept};
use image::{ImageFormat, RgbImage};
use mimalloc::MiMalloc;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

mod sheet;

use sheet::{Sheet, median};

/// The program's own allocator.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

const ROUNDS: usize = 5;

fn main() -> Result<(), Box<dyn Error>> {
    let dir = std::env::var("EXP_CIFAR10").map_err(|_| "EXP_CIFAR10 names no folder with CIFAR-10")?;
    let mut sheet = Sheet::new("data", &["figure", "exp", "Pillow", "ratio", "target", ""]);
    let cifar10 =
        |split| DatasetSpec::Cifar10(Cifar10Spec { dir: dir.clone(), split, flip: false, faulty: Faulty::Refuse });
    let (mut cold, mut kept) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let copies = tempfile::tempdir()?;
        for seconds in [&mut cold, &mut kept] {
            let start = Instant::now();
            open_kept(&cifar10(Split::Train), Some(copies.path()))?;
            seconds.push(start.elapsed().as_secs_f64());
        }
    }
    for (name, seconds, target) in [("50,000 images, first time", cold, 3.0), ("50,000 images, kept copy", kept, 0.1)] {
        let middle = median(&seconds);
        let met = if middle <= target { "met" } else { "missed" };
        let cells = [format!("{middle:.3} s"), String::new(), String::new(), format!("<= {target} s"), met.to_owned()];
        sheet.row([name.to_owned()].into_iter().chain(cells));
        sheet.figure(name, middle);
    }
    let data = open_kept(&cifar10(Split::Test), None)?;
    for format in [ImageFormat::Png, ImageFormat::Jpeg] {
        let scratch = tempfile::tempdir()?;
        let file = scratch.path().join("pictures.zip");
        pack(&data, format, &file)?;
        decoding(&mut sheet, &format!("{format:?}"), &file, data.len())?;
    }
    sheet.print();
    Ok(())
}

/// Decoding of a zip, in turns with Pillow.
fn decoding(sheet: &mut Sheet, name: &str, file: &Path, count: usize) -> Result<(), Box<dyn Error>> {
    let spec = DatasetSpec::Images(ImagesSpec {
        dir: file.display().to_string(),
        split: Split::Train,
        colour: Colour::Rgb,
        side: 32,
        classes: 1,
        flip: false,
        faulty: Faulty::Refuse,
    });
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/data/pillow.py");
    let python = std::env::var_os("EXP_PYTHON").ok_or("EXP_PYTHON names no Python with Pillow")?;
    let mut pillow = Command::new(python).arg(script).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
    let (Some(mut input), Some(output)) = (pillow.stdin.take(), pillow.stdout.take()) else {
        return Err("Python has no streams".into());
    };
    let mut lines = BufReader::new(output).lines();
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let start = Instant::now();
        open_kept(&spec, None)?;
        ours.push(count as f64 / start.elapsed().as_secs_f64());
        writeln!(input, "{}", file.display())?;
        theirs.push(lines.next().ok_or("Python ended")??.parse::<f64>()?);
    }
    drop(input);
    pillow.wait()?;
    let ratio = median(&ours.iter().zip(&theirs).map(|(ours, theirs)| ours / theirs).collect::<Vec<_>>());
    let met = if ratio >= 2.0 { "met" } else { "missed" };
    let speeds = [&ours, &theirs].map(|rates| format!("{:.0} a second", median(rates)));
    let [ours, theirs] = speeds;
    sheet.row([format!("decode {name}"), ours, theirs, format!("{ratio:.1}"), ">= 2".to_owned(), met.to_owned()]);
    sheet.figure(&format!("decode {name}"), ratio);
    Ok(())
}

/// Writes all images as files of one format into a zip, uncompressed: they are packed already.
fn pack(data: &Dataset, format: ImageFormat, file: &Path) -> Result<(), Box<dyn Error>> {
    let mut archive = ZipWriter::new(File::create(file)?);
    let stored = SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
    for index in 0..data.len() {
        let planes = data.image(index);
        let picture = RgbImage::from_fn(32, 32, |x, y| {
            let at = (y * 32 + x) as usize;
            image::Rgb([planes[at], planes[1024 + at], planes[2048 + at]])
        });
        let mut bytes = Cursor::new(Vec::new());
        picture.write_to(&mut bytes, format)?;
        archive.start_file(format!("{index:05}.{}", format.extensions_str()[0]), stored)?;
        archive.write_all(bytes.get_ref())?;
    }
    archive.finish()?;
    Ok(())
}
