//! To 44.1 kHz, in blocks, with the exact number of frames that the length of the sound demands.

use rubato::audioadapter_buffers::direct::SequentialSliceOfVecs;
use rubato::{Fft, FixedSync, Resampler, WindowFunction};

use super::RATE;
use super::error::Problem;

/// A resampler for two channels.
pub struct Resample {
    fft: Fft<f64>,
    rate: u32,
    /// What waits for a whole block.
    pending: [Vec<f64>; 2],
    /// What a block becomes.
    out: [Vec<f64>; 2],
    /// Frames still to drop: the filter's own delay.
    delay: usize,
    taken: u64,
    given: u64,
}

impl Resample {
    /// From `rate` to a disc's.
    ///
    /// # Errors
    /// Rates that no sound has.
    pub fn new(rate: u32) -> Result<Self, Problem> {
        let refused = || Problem::Unsupported(format!("{rate} samples a second"));
        if !RATES.contains(&rate) {
            return Err(refused());
        }
        let window = WindowFunction::BlackmanHarris2;
        let fft = Fft::new_custom(rate as usize, RATE as usize, block(rate), 1, 2, window, FixedSync::Input)
            .map_err(|_| refused())?;
        let delay = fft.output_delay();
        let room = fft.output_frames_max();
        let out = [vec![0.0; room], vec![0.0; room]];
        Ok(Self { fft, rate, pending: [Vec::new(), Vec::new()], out, delay, taken: 0, given: 0 })
    }

    /// Takes frames in, and gives those that are ready to `sink`, plane by plane.
    ///
    /// # Errors
    /// When the resampler fails, which it has no reason to.
    pub fn push(&mut self, planes: [&[f64]; 2], mut sink: impl FnMut(&[f64], &[f64])) -> Result<(), Problem> {
        self.taken += planes[0].len() as u64;
        for (pending, plane) in self.pending.iter_mut().zip(planes) {
            pending.extend_from_slice(plane);
        }
        while self.pending[0].len() >= self.fft.input_frames_next() {
            self.block(None, &mut sink)?;
        }
        Ok(())
    }

    /// Gives what is left, so that in all as many frames have come out as the sound is long.
    ///
    /// # Errors
    /// As for [`Resample::push`].
    pub fn finish(&mut self, mut sink: impl FnMut(&[f64], &[f64])) -> Result<(), Problem> {
        let total =
            (u128::from(self.taken) * u128::from(RATE) + u128::from(self.rate / 2)) / u128::from(self.rate);
        let total = u64::try_from(total).unwrap_or(u64::MAX);
        // The filter's delay and the part of a block are less than this many blocks.
        for _ in 0..8 {
            if self.given >= total {
                break;
            }
            let need = self.fft.input_frames_next();
            self.pending.iter_mut().for_each(|pending| pending.resize(need.max(pending.len()), 0.0));
            self.block(Some(total), &mut sink)?;
        }
        Ok(())
    }

    fn block(&mut self, most: Option<u64>, sink: &mut impl FnMut(&[f64], &[f64])) -> Result<(), Problem> {
        let failed = |error: &dyn std::fmt::Display| Problem::Unsupported(format!("resampling it: {error}"));
        let (frames, room) = (self.pending[0].len(), self.out[0].len());
        let input = SequentialSliceOfVecs::new(&self.pending, 2, frames).map_err(|error| failed(&error))?;
        let mut output =
            SequentialSliceOfVecs::new_mut(&mut self.out, 2, room).map_err(|error| failed(&error))?;
        let (used, made) =
            self.fft.process_into_buffer(&input, &mut output, None).map_err(|error| failed(&error))?;
        self.pending.iter_mut().for_each(|pending| drop(pending.drain(..used.min(pending.len()))));
        let drop = self.delay.min(made);
        self.delay -= drop;
        let left = most.map_or(usize::MAX, |most| usize::try_from(most - self.given).unwrap_or(usize::MAX));
        let end = made.min(drop.saturating_add(left));
        self.given += (end - drop) as u64;
        sink(&self.out[0][drop..end], &self.out[1][drop..end]);
        Ok(())
    }
}

/// Frames of a block: a multiple of what the two rates have in common, and an even one, in the middle of which the filter
/// then is.
fn block(rate: u32) -> usize {
    let (mut common, mut rest) = (rate as usize, RATE as usize);
    while rest != 0 {
        (common, rest) = (rest, common % rest);
    }
    let unit = rate as usize / common;
    unit * LEAST.div_ceil(unit).next_multiple_of(2)
}

/// Rates at which sound is kept.
const RATES: std::ops::RangeInclusive<u32> = 4_000..=384_000;
/// The shortest block: long enough for a steep filter.
const LEAST: usize = 8192;

#[cfg(test)]
mod tests {
    use super::*;

    fn resampled(rate: u32, sound: &[f64], piece: usize) -> Vec<f64> {
        let mut resample = Resample::new(rate).unwrap();
        let mut out = Vec::new();
        for part in sound.chunks(piece) {
            resample.push([part, part], |left, _| out.extend_from_slice(left)).unwrap();
        }
        resample
            .finish(|left, right| {
                assert_eq!(left, right);
                out.extend_from_slice(left);
            })
            .unwrap();
        out
    }

    #[test]
    fn the_length_is_exact_and_a_tone_stays_where_it_is() {
        // An odd rate has a long filter, which rings longer at the edges.
        for (rate, frames, wanted, error) in [
            (48_000, 48_000, 44_100, 1e-9),
            (96_000, 100_001, 45_938, 1e-9),
            (22_050, 3, 6, 0.0),
            (44_099, 80_000, 80_002, 1e-5),
            (48_000, 1, 1, 0.0),
        ] {
            let step = std::f64::consts::TAU * 997.0 / f64::from(rate);
            let sound: Vec<f64> = (0..frames).map(|at| (f64::from(at) * step).sin() * 0.5).collect();
            let out = resampled(rate, &sound, 1000);
            assert_eq!(out.len(), wanted, "{rate}");
            let step = std::f64::consts::TAU * 997.0 / f64::from(RATE);
            // The edges ring, as edges do.
            let inner = 5000..wanted.saturating_sub(5000).max(5000);
            for at in inner {
                let exact = (at as f64 * step).sin() * 0.5;
                assert!((out[at] - exact).abs() < error, "{rate}: frame {at} is {} for {exact}", out[at]);
            }
        }
    }

    #[test]
    fn pieces_of_any_length_make_the_same_sound() {
        let sound: Vec<f64> = (0..30_000_u32).map(|at| f64::from(at % 97) / 97.0).collect();
        assert_eq!(resampled(48_000, &sound, 17), resampled(48_000, &sound, 30_000));
    }

    #[test]
    fn rates_that_no_sound_has_are_refused() {
        assert!(Resample::new(1).is_err() && Resample::new(0).is_err() && Resample::new(u32::MAX).is_err());
    }
}
