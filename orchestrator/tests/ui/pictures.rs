//! Pictures of the page beside those that a person has looked at and found good: `tests/ui/NAME.png`, a quarter as wide, so
//! that the edges of letters do not matter but everything that moves, grows or changes colour does.

use std::path::Path;

use image::RgbImage;
use image::imageops::thumbnail;

/// How much smaller the kept pictures are.
const SMALLER: u32 = 4;
/// A point has changed if one of its colours, of 255, differs by more.
const CLEAR: u8 = 32;
/// The points of a thousand that may have: other versions of Chromium draw letters otherwise.
const CHANGED: usize = 5;

/// Compares a picture with the kept one of this name; with EXP_UI_KEEP set, keeps it instead.
///
/// # Errors
/// It has another size, or other points; in words.
pub fn compare(seen: &Path, name: &str) -> Result<(), String> {
    let kept = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/ui").join(name);
    let picture = |path: &Path| image::open(path).map(|image| image.to_rgb8()).map_err(|error| error.to_string());
    let whole = picture(seen)?;
    let now = thumbnail(&whole, whole.width() / SMALLER, whole.height() / SMALLER);
    if std::env::var_os("EXP_UI_KEEP").is_some() {
        return now.save(&kept).map_err(|error| error.to_string());
    }
    differ(&now, &picture(&kept)?).map_err(|how| format!("{name}: {how}; EXP_UI_PICTURES=DIR shows what it is now"))
}

fn differ(now: &RgbImage, before: &RgbImage) -> Result<(), String> {
    if now.dimensions() != before.dimensions() {
        return Err(format!("{:?} points instead of {:?}", now.dimensions(), before.dimensions()));
    }
    let clear = |(a, b): &(&image::Rgb<u8>, &image::Rgb<u8>)| (0..3).any(|at| a.0[at].abs_diff(b.0[at]) > CLEAR);
    let changed = now.pixels().zip(before.pixels()).filter(clear).count();
    let points = now.pixels().len();
    match 1000 * changed > CHANGED * points {
        true => Err(format!("{changed} of {points} points have changed")),
        false => Ok(()),
    }
}
