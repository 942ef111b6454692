//! From any channels to two, by the coefficients of ITU-R BS.775.

use symphonia::core::audio::{Channels, Position};

use super::error::Problem;

/// How much of each channel goes left and right.
#[derive(Clone, Debug, PartialEq)]
pub struct Mix {
    gains: Vec<[f64; 2]>,
}

impl Mix {
    /// The mix for these channels.
    ///
    /// # Errors
    /// Channels of which nobody says where they are to be heard.
    pub fn of(channels: &Channels) -> Result<Self, Problem> {
        let places = match channels {
            Channels::Positioned(places) => *places,
            other => by_count(other.count())?,
        };
        if places.bits().count_ones() as usize != channels.count() {
            return Err(unknown(channels.count()));
        }
        let mut gains: Vec<[f64; 2]> = places.iter().map(gain).collect();
        if gains.len() == 1 {
            // One channel, wherever it is, goes to both sides as it is.
            gains = vec![[1.0, 1.0]];
        }
        // What is full scale in every channel at once must not be more than that afterwards.
        for side in 0..2 {
            let sum: f64 = gains.iter().map(|gain| gain[side]).sum();
            if sum > 1.0 {
                gains.iter_mut().for_each(|gain| gain[side] /= sum);
            }
        }
        Ok(Self { gains })
    }

    /// Two channels that stay what they are, or one that goes to both sides.
    pub fn is_plain(&self) -> bool {
        self.gains == [[1.0, 0.0], [0.0, 1.0]] || self.gains == [[1.0, 1.0]]
    }

    /// Mixes planes of equal length into `left` and `right`, which are emptied before.
    pub fn apply(&self, planes: &[Vec<f64>], left: &mut Vec<f64>, right: &mut Vec<f64>) {
        let frames = planes.first().map_or(0, Vec::len);
        for (side, out) in [left, right].into_iter().enumerate() {
            out.clear();
            out.resize(frames, 0.0);
            for (plane, gain) in planes.iter().zip(&self.gains) {
                let gain = gain[side];
                if gain != 0.0 {
                    out.iter_mut().zip(plane).for_each(|(out, sample)| *out += sample * gain);
                }
            }
        }
    }
}

/// Where channels are that are only counted: the order of WAVE files.
fn by_count(count: usize) -> Result<Position, Problem> {
    let front = Position::FRONT_LEFT | Position::FRONT_RIGHT;
    let rear = Position::REAR_LEFT | Position::REAR_RIGHT;
    let side = Position::SIDE_LEFT | Position::SIDE_RIGHT;
    Ok(match count {
        1 => Position::FRONT_CENTER,
        2 => front,
        3 => front | Position::FRONT_CENTER,
        4 => front | rear,
        5 => front | Position::FRONT_CENTER | rear,
        6 => front | Position::FRONT_CENTER | Position::LFE1 | rear,
        7 => front | Position::FRONT_CENTER | Position::LFE1 | Position::REAR_CENTER | side,
        8 => front | Position::FRONT_CENTER | Position::LFE1 | rear | side,
        _ => return Err(unknown(count)),
    })
}

fn unknown(count: usize) -> Problem {
    Problem::Unsupported(format!("{count} channels without a known place each"))
}

/// What goes left and right of a channel at this place. The channel for low frequencies is left out, as the standard has it.
fn gain(place: Position) -> [f64; 2] {
    const HALF: f64 = std::f64::consts::FRAC_1_SQRT_2;
    const LEFT: Position =
        Position::FRONT_LEFT.union(Position::FRONT_LEFT_CENTER).union(Position::FRONT_LEFT_WIDE);
    const RIGHT: Position =
        Position::FRONT_RIGHT.union(Position::FRONT_RIGHT_CENTER).union(Position::FRONT_RIGHT_WIDE);
    const AROUND_LEFT: Position = Position::REAR_LEFT
        .union(Position::SIDE_LEFT)
        .union(Position::TOP_FRONT_LEFT)
        .union(Position::TOP_REAR_LEFT);
    const AROUND_RIGHT: Position = Position::REAR_RIGHT
        .union(Position::SIDE_RIGHT)
        .union(Position::TOP_FRONT_RIGHT)
        .union(Position::TOP_REAR_RIGHT);
    const BEHIND: Position = Position::REAR_CENTER
        .union(Position::TOP_CENTER)
        .union(Position::TOP_FRONT_CENTER)
        .union(Position::TOP_REAR_CENTER);
    if LEFT.contains(place) {
        [1.0, 0.0]
    } else if RIGHT.contains(place) {
        [0.0, 1.0]
    } else if place == Position::FRONT_CENTER {
        [HALF, HALF]
    } else if AROUND_LEFT.contains(place) {
        [HALF, 0.0]
    } else if AROUND_RIGHT.contains(place) {
        [0.0, HALF]
    } else if BEHIND.contains(place) {
        [0.5, 0.5]
    } else {
        [0.0, 0.0]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mixed(places: Position, frame: &[f64]) -> (f64, f64) {
        let planes: Vec<_> = frame.iter().map(|sample| vec![*sample]).collect();
        let (mut left, mut right) = (vec![9.0], vec![9.0]);
        Mix::of(&Channels::Positioned(places)).unwrap().apply(&planes, &mut left, &mut right);
        (left[0], right[0])
    }

    #[test]
    fn five_channels_are_mixed_as_the_standard_has_it_and_never_clip() {
        let all = by_count(6).unwrap();
        let whole = 1.0 + 2.0 * std::f64::consts::FRAC_1_SQRT_2;
        let close = |(left, right): (f64, f64), wanted: (f64, f64)| {
            assert!((left - wanted.0).abs() < 1e-12 && (right - wanted.1).abs() < 1e-12, "{left} {right}");
        };
        close(mixed(all, &[1.0, 0.0, 0.0, 0.0, 0.0, 0.0]), (1.0 / whole, 0.0));
        close(mixed(all, &[0.0, 0.0, 0.0, 1.0, 0.0, 0.0]), (0.0, 0.0));
        close(mixed(all, &[0.0, 0.0, 0.0, 0.0, 0.0, 1.0]), (0.0, std::f64::consts::FRAC_1_SQRT_2 / whole));
        close(mixed(all, &[1.0; 6]), (1.0, 1.0));
    }

    #[test]
    fn one_channel_goes_to_both_sides_and_two_stay_what_they_are() {
        assert_eq!(mixed(Position::FRONT_CENTER, &[0.25]), (0.25, 0.25));
        assert_eq!(mixed(by_count(2).unwrap(), &[0.25, -0.5]), (0.25, -0.5));
        assert!(Mix::of(&Channels::Discrete(2)).unwrap().is_plain());
        assert!(!Mix::of(&Channels::Discrete(6)).unwrap().is_plain());
        assert!(Mix::of(&Channels::Discrete(9)).is_err());
    }
}
