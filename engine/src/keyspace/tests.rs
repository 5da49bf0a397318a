//! Tests of entries, stripes and views.
