/* module.h: parts with large libraries behind them, opened on first use. */
#ifndef BASE_MODULE_H
#define BASE_MODULE_H

/* The address of `symbol` in the module called `file` ("clipseg-figure.so"), which lies beside the
 * executable, as it is built, else where modules are installed. NULL when there is no such module or symbol.
 * The module stays open. */
void *module_symbol(const char *file, const char *symbol);

#endif
