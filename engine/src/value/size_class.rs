//! What an allocation really costs: the size classes of jemalloc on 64-bit Linux.
//!
//! The engine counts its own memory, so that `used_memory` and eviction work in a library that owns no allocator. A count
//! of bytes asked for would be too low by what rounding up takes; this is that rounding. With another allocator it is an
//! estimate.

/// The size of the block that an allocation of so many bytes gets.
///
/// 8, then steps of 16 up to 128, then four steps to each doubling. No bytes cost nothing. Above a quarter of the address
/// space no block is ever given out, and the size is returned as it is.
#[inline]
pub const fn size_class(bytes: usize) -> usize {
    const QUANTUM: usize = 16;
    const STEPS: u32 = 2; // As a power of two: four steps to a doubling.
    if bytes <= 8 {
        return if bytes == 0 { 0 } else { 8 };
    }
    if bytes > usize::MAX / 4 {
        return bytes;
    }
    // In (2^n, 2^(n+1)] the step is 2^(n-2), but no less than the quantum.
    let doubling = (bytes - 1).ilog2();
    let step = 1usize << doubling.saturating_sub(STEPS);
    let step = if step < QUANTUM { QUANTUM } else { step };
    (bytes + step - 1) & !(step - 1)
}

#[cfg(test)]
mod tests {
    use super::size_class;
    use proptest::prelude::*;

    /// The classes in order, made by counting up.
    fn classes() -> Vec<usize> {
        let mut classes = vec![0, 8];
        classes.extend((16..=128).step_by(16));
        for doubling in 7..40 {
            classes.extend((1..=4).map(|step| (1usize << doubling) + step * (1 << (doubling - 2))));
        }
        classes
    }

    #[test]
    fn the_list() {
        let small: Vec<usize> = classes().into_iter().take_while(|&c| c <= 1024).collect();
        assert_eq!(
            small,
            [0, 8, 16, 32, 48, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384, 448, 512, 640, 768, 896, 1024]
        );
        for pair in classes().windows(2) {
            let (below, class) = (pair[0], pair[1]);
            assert_eq!(size_class(below + 1), class);
            assert_eq!(size_class(class), class);
            assert_eq!(size_class(class - 1), if class - 1 == below { below } else { class });
        }
        assert_eq!(size_class(usize::MAX), usize::MAX);
    }

    proptest! {
        #[test]
        fn the_first_class_that_fits(bytes in 0..1usize << 36) {
            prop_assert_eq!(Some(size_class(bytes)), classes().into_iter().find(|&c| c >= bytes));
        }
    }
}
