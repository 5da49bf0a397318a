//! Lists.

use super::Spec;

pub(super) const COMMANDS: &[Spec] = &[];
