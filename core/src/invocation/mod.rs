//! inv
