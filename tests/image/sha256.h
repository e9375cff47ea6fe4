/* sha256.h: SHA-256 (FIPS 180-4) for comparing pixels in tests. */
#ifndef TESTS_IMAGE_SHA256_H
#define TESTS_IMAGE_SHA256_H

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

/* The first 32 bits of the fractional part of a root of the n-th prime: the constants of the standard. */
static inline uint32_t sha256_root(unsigned n, int cubic)
{
    unsigned prime = 1;

    for (unsigned found = 0; found <= n;) {
        unsigned divisor = 2;
        prime++;
        while (prime % divisor)
            divisor++;
        found += divisor == prime;
    }
    long double root = cubic ? cbrtl((long double)prime) : sqrtl((long double)prime);
    return (uint32_t)((root - floorl(root)) * 4294967296.0L);
}

static inline uint32_t sha256_turn(uint32_t x, unsigned bits)
{
    return x >> bits | x << (32 - bits);
}

static inline void sha256_block(uint32_t state[8], const uint32_t k[64], const uint8_t *p)
{
    uint32_t w[64], s[8];

    for (size_t i = 0; i < 64; i++) {
        if (i < 16) {
            w[i] = (uint32_t)p[4 * i] << 24 | (uint32_t)p[4 * i + 1] << 16 | (uint32_t)p[4 * i + 2] << 8 |
                   p[4 * i + 3];
            continue;
        }
        uint32_t a = w[i - 15], b = w[i - 2];
        w[i] = w[i - 16] + w[i - 7] + (sha256_turn(a, 7) ^ sha256_turn(a, 18) ^ a >> 3) +
               (sha256_turn(b, 17) ^ sha256_turn(b, 19) ^ b >> 10);
    }
    memcpy(s, state, sizeof s);
    for (size_t i = 0; i < 64; i++) {
        uint32_t e = s[4], a = s[0];
        uint32_t t = s[7] + (sha256_turn(e, 6) ^ sha256_turn(e, 11) ^ sha256_turn(e, 25)) +
                     ((e & s[5]) ^ (~e & s[6])) + k[i] + w[i];
        uint32_t u = (sha256_turn(a, 2) ^ sha256_turn(a, 13) ^ sha256_turn(a, 22)) +
                     ((a & s[1]) ^ (a & s[2]) ^ (s[1] & s[2]));
        memmove(s + 1, s, 7 * sizeof *s);
        s[4] += t;
        s[0] = t + u;
    }
    for (size_t i = 0; i < 8; i++)
        state[i] += s[i];
}

static inline void sha256_hex(const uint8_t *data, size_t size, char hex[65])
{
    uint32_t state[8], k[64];
    uint8_t tail[128] = {0};
    size_t rest = size % 64, padded = rest < 56 ? 64 : 128;

    for (unsigned i = 0; i < 64; i++)
        k[i] = sha256_root(i, 1);
    for (unsigned i = 0; i < 8; i++)
        state[i] = sha256_root(i, 0);
    for (size_t i = 0; i + 64 <= size; i += 64)
        sha256_block(state, k, data + i);
    memcpy(tail, data + size - rest, rest);
    tail[rest] = 0x80;
    for (size_t i = 0; i < 8; i++)
        tail[padded - 1 - i] = (uint8_t)((uint64_t)size * 8 >> 8 * i);
    for (size_t i = 0; i < padded; i += 64)
        sha256_block(state, k, tail + i);
    for (size_t i = 0; i < 8; i++)
        snprintf(hex + 8 * i, 9, "%08x", state[i]);
}

#endif
