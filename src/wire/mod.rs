//! All that a relay may know: buckets, cells, batches and its HTTP answers.
