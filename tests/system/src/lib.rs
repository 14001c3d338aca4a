//! Whole-system tests: the real bridge as a process, real Kafka, a real registry, the stand-in as the vendor. They are
//! in `tests/`, one file per kind of claim; `make test` runs them.
