#include "CDarisNumbers.h"

#include <charconv>
#include <cmath>
#include <cstring>
#include <type_traits>

namespace {

char *put(char *text, const char *word, size_t length) {
    std::memcpy(text, word, length);
    return text + length;
}

template <typename Integer, typename = std::enable_if_t<std::is_integral_v<Integer>>>
char *write(char *text, Integer value) {
    return std::to_chars(text, text + 24, value).ptr;
}

template <typename Value>
char *floating(char *text, Value value) {
    if (std::isnan(value)) return put(text, "NaN", 3);
    if (std::isinf(value)) return value < 0 ? put(text, "-Infinity", 9) : put(text, "Infinity", 8);
    char *end = std::to_chars(text, text + 40, value).ptr;
    for (const char *place = text; place != end; ++place) {
        if (*place == '.' || *place == 'e') return end;
    }
    return put(end, ".0", 2);
}

char *write(char *text, float value) { return floating(text, value); }
char *write(char *text, double value) { return floating(text, value); }

struct Truth {
    uint8_t value;
};

char *write(char *text, Truth value) { return value.value ? put(text, "true", 4) : put(text, "false", 5); }

struct Half {
    uint16_t bits;
};

char *write(char *text, Half value) {
    uint32_t exponent = value.bits >> 10 & 0x1f, mantissa = value.bits & 0x3ff;
    float wide;
    if (exponent == 0) {
        wide = static_cast<float>(mantissa) * 0x1p-24f;
    } else {
        uint32_t bits = (exponent == 31 ? 0x7f800000u : (exponent + 112) << 23) | mantissa << 13;
        std::memcpy(&wide, &bits, sizeof wide);
    }
    return floating(text, value.bits >> 15 ? -wide : wide);
}

struct BrainFloat {
    uint16_t bits;
};

char *write(char *text, BrainFloat value) {
    uint32_t bits = static_cast<uint32_t>(value.bits) << 16;
    float wide;
    std::memcpy(&wide, &bits, sizeof wide);
    return floating(text, wide);
}

template <typename Element>
size_t write_all(const void *elements, size_t count, char *text) {
    const char *source = static_cast<const char *>(elements);
    char *place = text;
    for (size_t index = 0; index < count; ++index) {
        if (index > 0) *place++ = ',';
        Element value;
        std::memcpy(&value, source + index * sizeof value, sizeof value);
        place = write(place, value);
    }
    return static_cast<size_t>(place - text);
}

}  // namespace

size_t daris_element_width(int32_t type) {
    switch (type) {
    // to_chars may use the place for 40 bytes, of which it leaves the rest as it was.
    case DARIS_FLOAT32:
    case DARIS_FLOAT16:
    case DARIS_BFLOAT16:
    case DARIS_FLOAT64: return 43;
    case DARIS_UINT8:
    case DARIS_INT8:
    case DARIS_UINT16:
    case DARIS_INT16:
    case DARIS_INT32:
    case DARIS_INT64:
    case DARIS_UINT32:
    case DARIS_UINT64: return 25;
    case DARIS_BOOL: return 6;
    default: return 0;
    }
}

size_t daris_elements_write(int32_t type, const void *elements, size_t count, void *bytes) {
    char *text = static_cast<char *>(bytes);
    switch (type) {
    case DARIS_FLOAT32: return write_all<float>(elements, count, text);
    case DARIS_UINT8: return write_all<uint8_t>(elements, count, text);
    case DARIS_INT8: return write_all<int8_t>(elements, count, text);
    case DARIS_UINT16: return write_all<uint16_t>(elements, count, text);
    case DARIS_INT16: return write_all<int16_t>(elements, count, text);
    case DARIS_INT32: return write_all<int32_t>(elements, count, text);
    case DARIS_INT64: return write_all<int64_t>(elements, count, text);
    case DARIS_BOOL: return write_all<Truth>(elements, count, text);
    case DARIS_FLOAT16: return write_all<Half>(elements, count, text);
    case DARIS_FLOAT64: return write_all<double>(elements, count, text);
    case DARIS_UINT32: return write_all<uint32_t>(elements, count, text);
    case DARIS_UINT64: return write_all<uint64_t>(elements, count, text);
    case DARIS_BFLOAT16: return write_all<BrainFloat>(elements, count, text);
    default: return 0;
    }
}
