// The numbers of tensors as text, in JSON's grammar: std::from_chars and std::to_chars round correctly, and a call reads
// or writes many elements.
#ifndef DARIS_NUMBERS_H
#define DARIS_NUMBERS_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

// What elements are. The values are ONNX's names of the types, as in ElementType.
enum daris_element {
    DARIS_FLOAT32 = 1,
    DARIS_UINT8 = 2,
    DARIS_INT8 = 3,
    DARIS_UINT16 = 4,
    DARIS_INT16 = 5,
    DARIS_INT32 = 6,
    DARIS_INT64 = 7,
    DARIS_BOOL = 9,
    DARIS_FLOAT16 = 10,
    DARIS_FLOAT64 = 11,
    DARIS_UINT32 = 12,
    DARIS_UINT64 = 13,
    DARIS_BFLOAT16 = 16,
};

// Why elements were read no further.
enum daris_stop {
    // No other element follows the last one and a comma. The position is behind the last one.
    DARIS_STOP_END,
    // There is another element, and no place for it. The position is where it begins.
    DARIS_STOP_FULL,
    // What is at the position is no element of the type, or the type cannot hold it.
    DARIS_STOP_OTHER,
};

typedef struct {
    size_t count;
    size_t position;
    enum daris_stop stop;
} daris_elements_t;

// Reads elements with commas and white space between them, from a position at which one begins.
//
// Floating point is rounded to the nearest, to even on a tie; FP16 and BF16 by way of the nearest double. NaN, Inf and
// Infinity are read, with or without a minus sign; a number so large that it rounds to infinity is not. Integers may have a
// fraction of zeros. BOOL is true, false, 1 or 0.
//
// type: one of daris_element. text: length bytes. elements: place for capacity elements, at any alignment.
daris_elements_t daris_elements_read(
    int32_t type, const void *text, size_t length, size_t position, void *elements, size_t capacity);

// The most bytes that an element and a comma take as text; 0 if there is no such type.
size_t daris_element_width(int32_t type);

// Writes elements with commas between them, without one at the end, and returns how many bytes that took.
//
// Floating point is as short as reads back as the same, with a point or an exponent; FP16 and BF16 as the equal FP32.
// NaN and the infinities are NaN, Infinity and -Infinity.
//
// elements: count of them, at any alignment. text: place for count * daris_element_width(type) bytes.
size_t daris_elements_write(int32_t type, const void *elements, size_t count, void *text);

#ifdef __cplusplus
}
#endif

#endif
