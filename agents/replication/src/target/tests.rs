//! The target against a scripted source, on real files.

mod hostile;
mod kinds;
mod mirror;
mod model;
mod moves;
mod rig;
mod unprivileged;
