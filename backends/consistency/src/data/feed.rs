//! The order in which training sees its images.
//!
//! Owns which images a step gets and which of them are flipped, both as pure functions of (seed, step): a resumed run
//! asks for step s and gets what it would have got. An epoch is one shuffled pass; batches run on across its end, so no
//! image is left out. A feed does not reach into the future (no prefetching).

use crate::rng::{Draw, Purpose, permutation};

/// Which images of a data set each step gets.
#[derive(Debug, Clone)]
pub struct Feed {
    seed: u64,
    batch: usize,
    flip: bool,
    order: Order,
}

/// The permutation of one epoch, kept because the next batch nearly always needs it again.
#[derive(Debug, Clone)]
struct Order {
    epoch: u64,
    items: Vec<u32>,
}

impl Feed {
    /// A feed of `batch` of `count` images a step; with `flip`, every other one by chance is mirrored left to right.
    pub fn new(count: u32, seed: u64, batch: usize, flip: bool) -> Feed {
        Feed { seed, batch, flip, order: Order { epoch: 0, items: permutation(seed, 0, count) } }
    }

    /// Which images `step` gets, and whether each is mirrored: image j of the batch is number `step * batch + j` of the
    /// endless sequence of epochs.
    pub fn picks(&mut self, step: u64) -> (Vec<u32>, Vec<bool>) {
        let draw = Draw::new(self.seed, Purpose::Flip, 0);
        let first = step * self.batch as u64;
        let numbers = first..first + self.batch as u64;
        numbers.map(|number| (self.index(number), self.flip && draw.image(number).below(2) == 1)).unzip()
    }

    /// Which image is number `number` of the sequence.
    fn index(&mut self, number: u64) -> u32 {
        let n = self.order.items.len() as u64;
        let (epoch, place) = (number / n, number % n);
        if epoch != self.order.epoch {
            self.order = Order { epoch, items: permutation(self.seed, epoch, n as u32) };
        }
        self.order.items[place as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{Batch, DataError, Dataset, Picks, Shape};

    /// Ten images of two values; image i is labelled i and rises from 20 i to 20 i + 10.
    fn ten() -> Result<Dataset, DataError> {
        let pixels = (0..10).flat_map(|i| [20 * i, 20 * i + 10]).collect();
        Dataset::new(Shape { channels: 1, height: 1, width: 2 }, pixels, (0..10).collect())
    }

    fn batch(feed: &mut Feed, step: u64) -> Batch {
        let (numbers, flipped) = feed.picks(step);
        ten().expect("ten images").picked(Picks { numbers: &numbers, flipped: &flipped })
    }

    fn labels(feed: &mut Feed, steps: std::ops::Range<u64>) -> Vec<u16> {
        steps.flat_map(|step| batch(feed, step).labels).collect()
    }

    #[test]
    fn each_epoch_shows_each_image_once_in_a_new_order() {
        let seen = labels(&mut Feed::new(10, 3, 4, false), 0..5);
        for (epoch, part) in seen.chunks(10).enumerate() {
            let order: Vec<u16> = permutation(3, epoch as u64, 10).into_iter().map(|i| i as u16).collect();
            assert_eq!(part, order);
        }
        assert_ne!(seen[..10], seen[10..]);
    }

    #[test]
    fn a_feed_opened_at_any_step_and_of_any_batch_continues_the_same_sequence() {
        let whole: Vec<Batch> = (0..12).map(|step| batch(&mut Feed::new(10, 3, 4, true), step)).collect();
        let mut feed = Feed::new(10, 3, 4, true);
        // Out of order on purpose: nothing depends on what was asked before.
        for step in [7, 2, 11, 0, 3, 3] {
            assert_eq!(batch(&mut feed, step), whole[step as usize]);
        }
        // A batch larger than the data set, and not a divisor of anything.
        let wide = batch(&mut Feed::new(10, 3, 48, true), 0);
        assert_eq!(wide.images, whole.iter().flat_map(|b| b.images.clone()).collect::<Vec<_>>());
        assert_eq!(wide.labels, whole.iter().flat_map(|b| b.labels.clone()).collect::<Vec<_>>());
    }

    #[test]
    fn half_of_the_images_are_flipped_and_again_by_chance_in_each_epoch() {
        let n = 20_000;
        let falls = |flip| -> Vec<bool> {
            let batch = batch(&mut Feed::new(10, 1, n, flip), 0);
            batch.images.chunks(2).map(|image| image[0] > image[1]).collect()
        };
        assert!(falls(false).iter().all(|&fallen| !fallen));
        let flipped = falls(true).iter().filter(|&&fallen| fallen).count() as f64;
        assert!((flipped - n as f64 / 2.0).abs() < 3.5 * (n as f64).sqrt() / 2.0, "{flipped} of {n}");
        // One image is not always treated alike.
        let batch = batch(&mut Feed::new(10, 1, 200, true), 0);
        let of_image_0 = || batch.images.chunks(2).zip(&batch.labels).filter(|(_, label)| **label == 0);
        assert!(of_image_0().any(|(image, _)| image[0] > image[1]));
        assert!(of_image_0().any(|(image, _)| image[0] < image[1]));
    }

    #[test]
    fn the_seed_decides() {
        let order = |seed| labels(&mut Feed::new(10, seed, 10, false), 0..1);
        assert_eq!(order(1), order(1));
        assert_ne!(order(1), order(2));
    }
}
