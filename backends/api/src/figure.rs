//! What the name of a figure says of it: `fd_pixel`, `fid50k_tf`, `kid_tf`; behind a slash the way of drawing, or the noise
//! level, that it is of.

/// Behind the name of a distance, the part of it that is due to the means.
pub const OF_MEANS: &str = "_mu_diff";
/// Behind the name of a figure, what weights that were never trained come to.
pub const UNTRAINED: &str = "_untrained";
/// Of `pae`, the mean over noise levels, its variance over them.
pub const PAE_VARIANCE: &str = "pae_variance";
/// Before each noise level, what `pae` is there.
pub const PAE_AT: &str = "pae/";

/// First words of the figures of which less is better, whoever measured them; an FID has its number of images behind it.
const FALLING: [&str; 4] = ["fd", "fid", "kid", "pae"];

/// Whether a figure only explains another one: nobody compares runs by it.
pub fn explains(name: &str) -> bool {
    let whole = name.split('/').next().unwrap_or(name);
    name == PAE_VARIANCE || name.starts_with(PAE_AT) || whole.ends_with(OF_MEANS) || whole.ends_with(UNTRAINED)
}

/// Whether runs and checkpoints compare by a figure, the lowest being the best.
pub fn ranks(name: &str) -> bool {
    let first = name.split(['_', '/']).next().unwrap_or(name);
    FALLING.contains(&first.trim_end_matches(|c: char| c.is_ascii_digit() || c == 'k')) && !explains(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_compare_by_what_is_better_when_lower_and_no_part_of_another() {
        let names = ["fd_pixel", "fid50k_tf/two_step", "kid_tf", "pae"];
        assert!(names.into_iter().all(ranks));
        let parts = ["fid50k_tf_mu_diff/heun", "fid50k_tf_mu_diff", "pae_variance", "pae/0.020", "fd_pixel_untrained"];
        assert!(parts.into_iter().all(explains) && !parts.into_iter().any(ranks));
        let rising = [
            "precision_tf",
            "recall_tf/two_step",
            "inception_score_tf",
            "accuracy",
            "fidelity",
            "kidney_dice",
            "my_variance",
        ];
        assert!(!rising.into_iter().any(|name| ranks(name) || explains(name)));
    }
}
