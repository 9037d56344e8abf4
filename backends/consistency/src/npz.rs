//! NumPy's archives: a zip of arrays, each behind a line that says its type and shape.
//!
//! Owns writing 8-bit images and reading and writing statistics, in the form of `numpy.lib.format` 1.0 (NumPy Enhancement
//! Proposal 1). Only what those need: little-endian numbers in row-major order.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Seek, Write};
use std::path::Path;

use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipArchive, ZipWriter};

/// The first bytes of an array: a signature and version 1.0.
const SIGNATURE: &[u8] = b"\x93NUMPY\x01\x00";
/// Values begin at a multiple of this.
const ALIGNED: usize = 64;

/// An archive that is being written.
pub(crate) struct Writer<W: Write + Seek>(ZipWriter<BufWriter<W>>);

impl<W: Write + Seek> Writer<W> {
    pub(crate) fn new(file: W) -> Writer<W> {
        Writer(ZipWriter::new(BufWriter::new(file)))
    }

    /// Begins an array of `kind` (`|u1`, `<f8`); its values are written behind it.
    pub(crate) fn array(&mut self, name: &str, kind: &str, shape: &[usize]) -> io::Result<&mut impl Write> {
        let stored = SimpleFileOptions::default().compression_method(CompressionMethod::Stored).large_file(true);
        self.0.start_file(format!("{name}.npy"), stored)?;
        self.0.write_all(&header(kind, shape))?;
        Ok(&mut self.0)
    }

    pub(crate) fn finish(self) -> io::Result<()> {
        self.0.finish()?.flush()
    }
}

/// Signature, length and the line, filled up with spaces.
fn header(kind: &str, shape: &[usize]) -> Vec<u8> {
    let sizes: String = shape.iter().map(|size| format!("{size}, ")).collect();
    let sizes = if shape.len() == 1 { sizes.trim_end() } else { sizes.trim_end_matches(", ") };
    let line = format!("{{'descr': '{kind}', 'fortran_order': False, 'shape': ({sizes}), }}");
    let filled = (SIGNATURE.len() + 2 + line.len() + 1).next_multiple_of(ALIGNED) - SIGNATURE.len() - 2;
    let length = u16::try_from(filled).unwrap_or(u16::MAX);
    [SIGNATURE, &length.to_le_bytes(), format!("{line:<width$}\n", width = filled - 1).as_bytes()].concat()
}

/// An array of real numbers.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Array {
    pub(crate) shape: Vec<usize>,
    /// In row-major order.
    pub(crate) values: Vec<f64>,
}

/// The arrays of an archive, by name.
///
/// # Errors
/// No archive, or an array of another kind than `<f8` or `<f4`, in words.
pub(crate) fn read(path: &Path) -> Result<HashMap<String, Array>, String> {
    let shown = path.display();
    let file = File::open(path).map_err(|error| format!("cannot read {shown}: {error}"))?;
    let mut archive = ZipArchive::new(BufReader::new(file)).map_err(|error| format!("{shown} is no .npz: {error}"))?;
    let mut arrays = HashMap::new();
    for index in 0..archive.len() {
        let mut entry = archive.by_index(index).map_err(|error| format!("{shown}: {error}"))?;
        let name = entry.name().map_err(|error| format!("{shown}: {error}"))?.trim_end_matches(".npy").to_owned();
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).map_err(|error| format!("{shown}: {name}: {error}"))?;
        arrays.insert(
            name.clone(),
            array(&bytes)
                .ok_or_else(|| format!("{shown}: `{name}` is no array of little-endian floats in row-major order"))?,
        );
    }
    Ok(arrays)
}

fn array(bytes: &[u8]) -> Option<Array> {
    let rest = bytes.strip_prefix(SIGNATURE)?;
    let (length, rest) = rest.split_first_chunk::<2>()?;
    let (line, values) = rest.split_at_checked(usize::from(u16::from_le_bytes(*length)))?;
    let line = std::str::from_utf8(line).ok()?;
    if !line.contains("'fortran_order': False") {
        return None;
    }
    let (_, sizes) = line.split_once("'shape': (")?;
    let (sizes, _) = sizes.split_once(')')?;
    let sizes = sizes.split(',').map(str::trim).filter(|size| !size.is_empty());
    let shape: Vec<usize> = sizes.map(|size| size.parse().ok()).collect::<Option<_>>()?;
    let values: Vec<f64> = if line.contains("'descr': '<f8'") {
        values.as_chunks::<8>().0.iter().map(|bytes| f64::from_le_bytes(*bytes)).collect()
    } else if line.contains("'descr': '<f4'") {
        values.as_chunks::<4>().0.iter().map(|bytes| f64::from(f32::from_le_bytes(*bytes))).collect()
    } else {
        return None;
    };
    let count = shape.iter().try_fold(1usize, |count, &size| count.checked_mul(size))?;
    (values.len() == count).then_some(Array { shape, values })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What `numpy.save` of NumPy 2 wrote for [[1.5, -2.0]] as f8, and for a vector of three f4.
    #[test]
    fn arrays_are_numpys() {
        let matrix = "{'descr': '<f8', 'fortran_order': False, 'shape': (1, 2), }";
        let vector = "{'descr': '<f4', 'fortran_order': False, 'shape': (3,), }";
        for (line, kind, shape) in [(matrix, "<f8", &[1, 2][..]), (vector, "<f4", &[3])] {
            let mut wanted = b"\x93NUMPY\x01\x00\x76\x00".to_vec();
            wanted.extend(format!("{line:<117}\n").bytes());
            assert_eq!(header(kind, shape), wanted);
        }
        let bytes = [header("<f8", &[1, 2]), 1.5f64.to_le_bytes().to_vec(), (-2.0f64).to_le_bytes().to_vec()].concat();
        assert_eq!(array(&bytes), Some(Array { shape: vec![1, 2], values: vec![1.5, -2.0] }));
        assert_eq!(array(&bytes[..bytes.len() - 1]), None, "cut");
        assert_eq!(array(&[header("<i8", &[1]), vec![0; 8]].concat()), None);
    }

    #[test]
    fn what_is_written_is_read() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("stats.npz");
        let mut writer = Writer::new(File::create(&path).unwrap());
        for (name, shape, values) in [("mu", vec![2], vec![0.1, -3.0]), ("sigma", vec![2, 2], vec![1.0, 0.5, 0.5, 2.0])]
        {
            let out = writer.array(name, "<f8", &shape).unwrap();
            values.iter().for_each(|value: &f64| out.write_all(&value.to_le_bytes()).unwrap());
        }
        writer.finish().unwrap();
        let arrays = read(&path).unwrap();
        assert_eq!(arrays["mu"], Array { shape: vec![2], values: vec![0.1, -3.0] });
        assert_eq!(arrays["sigma"].values[2..], [0.5, 2.0]);
        std::fs::write(&path, "junk").unwrap();
        assert!(read(&path).unwrap_err().contains("is no .npz"));
    }
}
