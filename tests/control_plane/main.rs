//! The controller against a real API server. Each hazard of operators of this kind that touches
//! the controller has its test here, named after it.

mod adoption;
mod autoscaling;
mod dry_run;
mod external;
mod faults;
mod harness;
mod healing;
mod idle;
mod leader;
mod members;
mod migrations;
mod pods;
mod process;
#[path = "../common/random.rs"]
mod random;
mod recalled;
mod refusal;
mod retention;
mod shown;
#[path = "../common/specs.rs"]
mod specs;
mod status;
mod tables;
mod volumes;
mod way_in;
