//! Prints findings and predictions; one function per format. Decides nothing.
