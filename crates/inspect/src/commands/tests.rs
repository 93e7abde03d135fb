//! Cases that go through all steps.
