//! Commands of the hyperloglog group.

use super::{Generator, Step, argv};

pub(super) fn step(g: &mut Generator) -> Step {
    Step::one(argv!["EXISTS", g.key()])
}
