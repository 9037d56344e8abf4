//! The names of EDM's published SongUNet (Karras et al. 2022, `training/networks.py`), so that its weights can be read.
//!
//! The same layers under other names: modules are joined by points, a resolution is the real one, normalisations have a
//! `weight`, attention lies in the block itself, and dense weights are (out, in). A file may hold the whole
//! preconditioned network, whose names begin with `model.`. Not read: fixed filters, and the embedding of augmentations,
//! which is zero for images as they are. Class-conditional networks have a `map_label`, which ours has not.

/// A parameter in a file of SongUNet's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// Its name, without `model.`.
    pub name: String,
    /// Whether it is stored as (out, in).
    pub turned: bool,
}

/// Where SongUNet keeps the parameter that a UNet++ for images of `side` calls `path`; none if it has no such layer.
pub fn stored(path: &str, side: usize) -> Option<Stored> {
    let parts: Vec<&str> = path.split('/').filter(|part| *part != "atten").collect();
    let (module, rest) = parts.split_first()?;
    let rest: Vec<&str> = rest.iter().map(|part| if *part == "scale" { "weight" } else { part }).collect();
    let module = match module.split_once('_') {
        Some((way @ ("enc" | "dec"), place)) => {
            let (size, layer) = place.split_once('_')?;
            let level = (32 / size.split_once('x')?.0.parse::<usize>().ok()?).ilog2();
            let size = side >> level;
            format!("{way}.{size}x{size}_{layer}")
        }
        _ if module.starts_with("map_") && *module != "map_noise_proj" => (*module).to_owned(),
        _ => return None,
    };
    let dense = module.starts_with("map_layer") || rest.first() == Some(&"affine");
    let turned = dense && rest.last() == Some(&"weight");
    Some(Stored { name: format!("{module}.{}", rest.join(".")), turned })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Names as they stand in a published file for 32x32 images, and for 64x64.
    #[test]
    fn names_are_those_of_the_published_network() {
        let table = [
            ("map_layer0/weight", 32, "map_layer0.weight", true),
            ("map_layer1/bias", 32, "map_layer1.bias", false),
            ("map_noise/freqs", 32, "map_noise.freqs", false),
            ("enc_32x32_conv/weight", 32, "enc.32x32_conv.weight", false),
            ("enc_16x16_block0/affine/weight", 32, "enc.16x16_block0.affine.weight", true),
            ("enc_16x16_block0/atten/qkv/weight", 32, "enc.16x16_block0.qkv.weight", false),
            ("enc_16x16_block3/atten/norm2/scale", 32, "enc.16x16_block3.norm2.weight", false),
            ("enc_8x8_aux_residual/bias", 32, "enc.8x8_aux_residual.bias", false),
            ("dec_8x8_in0/norm0/bias", 32, "dec.8x8_in0.norm0.bias", false),
            ("dec_32x32_aux_norm/scale", 32, "dec.32x32_aux_norm.weight", false),
            ("dec_32x32_up/skip/weight", 64, "dec.64x64_up.skip.weight", false),
        ];
        for (ours, side, name, turned) in table {
            assert_eq!(stored(ours, side), Some(Stored { name: name.to_owned(), turned }), "{ours}");
        }
        assert_eq!(stored("map_noise_proj/weight", 32), None);
        assert_eq!(stored("CustomConv2d_0/weight", 32), None);
    }
}
