//! From numbers to samples of 16 bits, with triangular noise of two steps in width, so that what is lost is lost without
//! leaving distortion behind.

/// Rounds to 16 bits. The noise is the same each time: the same file makes the same disc.
#[derive(Clone, Debug)]
pub struct Dither {
    state: u64,
    clipped: u64,
}

impl Dither {
    /// At the beginning of its noise.
    pub const fn new() -> Self {
        Self { state: 0x9e37_79b9_7f4a_7c15, clipped: 0 }
    }

    /// Samples that were louder than a disc can hold.
    pub const fn clipped(&self) -> u64 {
        self.clipped
    }

    /// One sample; 1.0 is full scale.
    pub fn sample(&mut self, value: f64) -> i16 {
        // Silence stays silent.
        if value.abs() < SILENCE {
            return 0;
        }
        let exact = value * 32_768.0;
        let rounded = (exact + self.noise()).round();
        // Noise on top of the loudest sample is not the music's fault.
        if !(-32_769.0..=32_768.0).contains(&exact) {
            self.clipped += 1;
        }
        rounded.clamp(-32_768.0, 32_767.0) as i16
    }

    /// The sum of two even distributions, from −1 to 1.
    fn noise(&mut self) -> f64 {
        // xorshift64*; its upper half makes two numbers.
        self.state ^= self.state >> 12;
        self.state ^= self.state << 25;
        self.state ^= self.state >> 27;
        let bits = self.state.wrapping_mul(0x2545_f491_4f6c_dd1d);
        let (one, other) = ((bits >> 32) as u32, bits as u32);
        (f64::from(one) - f64::from(other)) / 4_294_967_296.0
    }
}

/// −240 dB: what arithmetic leaves of nothing.
const SILENCE: f64 = 1e-12;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tone_below_one_step_survives_in_the_mean_and_silence_stays_silent() {
        let mut dither = Dither::new();
        let samples: Vec<i16> = (0..100_000).map(|_| dither.sample(0.3 / 32_768.0)).collect();
        let mean = samples.iter().copied().map(f64::from).sum::<f64>() / samples.len() as f64;
        assert!((mean - 0.3).abs() < 0.01, "{mean}");
        assert!(samples.iter().all(|sample| (-1..=2).contains(sample)));
        assert_eq!(dither.sample(0.0), 0);
    }

    #[test]
    fn what_is_too_loud_is_cut_and_counted_and_full_scale_is_not() {
        let mut dither = Dither::new();
        assert_eq!((dither.sample(1.5), dither.sample(-1.5)), (32_767, -32_768));
        assert_eq!(dither.clipped(), 2);
        assert!(dither.sample(1.0) > 32_760 && dither.sample(-1.0) < -32_760);
        assert_eq!((dither.clipped(), dither.sample(f64::NAN)), (2, 0));
    }
}
