// The main function of fuzz-one, under the name by which SwiftPM knows it.
#ifndef FUZZ_MAIN_H
#define FUZZ_MAIN_H

int fuzz_one_main(int argc, char **argv);

#endif
