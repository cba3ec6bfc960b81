//! Without privileges: what cannot be made exact is told, and nothing stops. Run as another user when the tests are
//! root's.
