//! The Inception score: how sure the classifier is of each image, and how evenly it names the classes (Salimans et al. 2016).
//!
//! exp of the mean over images of KL(p(y|x) || p(y)), averaged over ten parts of the images; a stream, so that images are not
//! kept. Larger is better; it looks at no data.

use exp_api::BackendError;

/// Parts of the images that are scored by themselves.
const PARTS: u64 = 10;

/// The last layer of the network, without its bias, as the published figures are computed.
#[derive(Debug, Clone)]
pub struct Classifier {
    /// One row of weights a class.
    weights: Vec<f32>,
    dimensions: usize,
}

/// The score of a stream of images, as far as it goes.
#[derive(Debug, Clone)]
pub struct InceptionScore {
    /// Images that will come.
    images: u64,
    seen: u64,
    parts: Vec<Part>,
}

/// What is known of one part: its images, the sum of p ln p over them, and that of p for each class.
#[derive(Debug, Clone, Default)]
struct Part {
    images: f64,
    certainty: f64,
    classes: Vec<f64>,
}

impl Classifier {
    /// Of `weights` `[classes, dimensions]` in row-major order.
    pub fn new(weights: Vec<f32>, dimensions: usize) -> Classifier {
        Classifier { weights, dimensions }
    }

    /// The probabilities of the classes of an image by its features.
    fn probabilities(&self, features: &[f64]) -> Vec<f64> {
        let logit = |row: &[f32]| -> f64 { row.iter().zip(features).map(|(&weight, x)| f64::from(weight) * x).sum() };
        let logits: Vec<f64> = self.weights.chunks(self.dimensions).map(logit).collect();
        let largest = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let parts: Vec<f64> = logits.iter().map(|logit| (logit - largest).exp()).collect();
        let sum: f64 = parts.iter().sum();
        parts.into_iter().map(|part| part / sum).collect()
    }
}

impl InceptionScore {
    /// Of so many images, none of which has come.
    pub fn new(images: u64) -> InceptionScore {
        InceptionScore { images, seen: 0, parts: vec![Part::default(); PARTS as usize] }
    }

    /// Takes the features of more images, one after the other.
    pub fn add(&mut self, classifier: &Classifier, rows: &[f64]) {
        for features in rows.chunks(classifier.dimensions) {
            let probabilities = classifier.probabilities(features);
            let part = (self.seen * PARTS / self.images.max(1)).min(PARTS - 1);
            let part = &mut self.parts[part as usize];
            part.images += 1.0;
            part.certainty += probabilities.iter().filter(|p| **p > 0.0).map(|p| p * p.ln()).sum::<f64>();
            part.classes.resize(probabilities.len(), 0.0);
            part.classes.iter_mut().zip(&probabilities).for_each(|(sum, p)| *sum += p);
            self.seen += 1;
        }
    }

    /// The mean of the parts' scores.
    ///
    /// # Errors
    /// No image has come.
    pub fn score(&self) -> Result<f64, BackendError> {
        let parts: Vec<f64> = self.parts.iter().filter(|part| part.images > 0.0).map(Part::score).collect();
        match parts.len() {
            0 => Err(BackendError::Data("the Inception score of no images".to_owned())),
            count => Ok(parts.iter().sum::<f64>() / count as f64),
        }
    }
}

impl Part {
    fn score(&self) -> f64 {
        let shares = self.classes.iter().map(|sum| sum / self.images).filter(|share| *share > 0.0);
        let evenness: f64 = shares.map(|share| share * share.ln()).sum();
        (self.certainty / self.images - evenness).exp()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Four classes; the features of an image are how much of each it has.
    fn classifier() -> Classifier {
        Classifier::new((0..16).map(|i| if i % 5 == 0 { 50.0 } else { 0.0 }).collect(), 4)
    }

    fn score(images: &[[f64; 4]]) -> f64 {
        let mut score = InceptionScore::new(images.len() as u64);
        images.iter().for_each(|image| score.add(&classifier(), image));
        score.score().unwrap()
    }

    #[test]
    fn closed_forms() {
        let of = |class: usize| std::array::from_fn(|i| if i == class { 1.0 } else { 0.0 });
        // One class: nothing to tell apart. All classes evenly, each sure: as many as there are. Nothing sure: one.
        assert!((score(&[of(2); 40]) - 1.0).abs() < 1e-12);
        let even: Vec<[f64; 4]> = (0..80).map(|n| of(n % 4)).collect();
        assert!((score(&even) - 4.0).abs() < 1e-12);
        assert!((score(&[[0.3; 4]; 40]) - 1.0).abs() < 1e-12);
        // Parts by themselves: each has two of the four classes.
        let halves: Vec<[f64; 4]> = (0..80).map(|n| of(if n < 40 { n % 2 } else { 2 + n % 2 })).collect();
        assert!((score(&halves) - 2.0).abs() < 1e-12);
        assert!(InceptionScore::new(5).score().is_err());
    }

    #[test]
    fn doubt_lowers_it() {
        // Each image is one of two classes with 3 : 1; the classes are even. KL = ln 2 - H(1/4).
        let logit = 3.0_f64.ln() / 50.0;
        let images: Vec<[f64; 4]> =
            (0..40).map(|n| if n % 2 == 0 { [logit, 0.0, -1.0, -1.0] } else { [0.0, logit, -1.0, -1.0] }).collect();
        let entropy = -(0.75 * 0.75_f64.ln() + 0.25 * 0.25_f64.ln());
        assert!((score(&images) - (2.0_f64.ln() - entropy).exp()).abs() < 1e-12);
    }
}
