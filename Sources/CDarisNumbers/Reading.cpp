#include "CDarisNumbers.h"

#include <charconv>
#include <cmath>
#include <cstring>
#include <limits>
#include <type_traits>

namespace {

bool is_digit(char byte) { return static_cast<unsigned char>(byte - '0') < 10; }

bool take_word(const char *&place, const char *end, const char *word, size_t length) {
    if (static_cast<size_t>(end - place) < length || std::memcmp(place, word, length) != 0) return false;
    place += length;
    return true;
}

// A number in JSON's grammar: digits * 10^exponent, of which digits that follow the first 17 may be left out.
struct Decimal {
    uint64_t digits = 0;  // < 10^18
    long exponent = 0;
    bool is_negative = false;
    bool is_cut = false;

    // Eight digits at a time (all bytes from '0' to '9'; then pairs, fours and the eight by multiplication).
    static bool eight(const char *place, uint64_t &value) {
        uint64_t bytes;
        std::memcpy(&bytes, place, sizeof bytes);
        if ((((bytes + 0x4646464646464646) | (bytes - 0x3030303030303030)) & 0x8080808080808080) != 0) return false;
        bytes -= 0x3030303030303030;
        bytes = bytes * 10 + (bytes >> 8);
        value = ((bytes & 0x000000ff000000ff) * 0x000f424000000064 +
                 ((bytes >> 16) & 0x000000ff000000ff) * 0x0000271000000001) >> 32;
        return true;
    }

    // Reads digits; each lowers the exponent by `step`.
    bool read_digits(const char *&place, const char *end, long step) {
        const char *start = place;
        uint64_t value;
        while (digits < 10'000'000'000 && end - place >= 8 && eight(place, value)) {
            digits = digits * 100'000'000 + value;
            exponent -= 8 * step;
            place += 8;
        }
        for (; place != end && is_digit(*place); ++place) {
            if (digits < 100'000'000'000'000'000) {
                digits = digits * 10 + static_cast<uint64_t>(*place - '0');
                exponent -= step;
            } else {
                is_cut = true;
                exponent += 1 - step;
            }
        }
        return place != start;
    }

    // Moves behind the number, if there is one.
    bool read(const char *&place, const char *end) {
        if (place != end && *place == '-') {
            is_negative = true;
            ++place;
        }
        if (place != end && *place == '0') {
            ++place;
        } else if (!read_digits(place, end, 0)) {
            return false;
        }
        if (place != end && *place == '.') {
            ++place;
            if (!read_digits(place, end, 1)) return false;
        }
        if (place == end || (*place != 'e' && *place != 'E')) return true;
        ++place;
        bool is_small = false;
        if (place != end && (*place == '+' || *place == '-')) is_small = *place++ == '-';
        const char *start = place;
        long power = 0;
        for (; place != end && is_digit(*place); ++place) {
            if (power < 1'000'000'000'000) power = power * 10 + (*place - '0');
        }
        exponent += is_small ? -power : power;
        return place != start;
    }
};

constexpr double powers[] = {
    1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
    1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22, 1e23, 1e24, 1e25, 1e26, 1e27, 1e28, 1e29, 1e30, 1e31,
    1e32, 1e33, 1e34, 1e35, 1e36, 1e37, 1e38, 1e39, 1e40, 1e41, 1e42, 1e43, 1e44, 1e45, 1e46, 1e47,
    1e48, 1e49, 1e50, 1e51, 1e52, 1e53, 1e54, 1e55, 1e56, 1e57, 1e58, 1e59, 1e60,
};

double scaled(const Decimal &number) {
    double digits = static_cast<double>(static_cast<int64_t>(number.digits));
    return number.exponent < 0 ? digits / powers[-number.exponent] : digits * powers[number.exponent];
}

// The nearest value, by way of the standard library.
template <typename Value>
bool nearest(const char *start, const char *end, const Decimal &number, Value &value) {
    auto result = std::from_chars(start, end, value);
    if (result.ec == std::errc()) return std::isfinite(value);
    // Too large or too small. With less than 10^18 for digits, the exponent tells which.
    value = number.is_negative ? -Value(0) : Value(0);
    return result.ec == std::errc::result_out_of_range && number.exponent <= 0;
}

bool convert(const char *start, const char *end, const Decimal &number, double &value) {
    // Both numbers are exact, so that one operation rounds once (W. D. Clinger, PLDI 1990).
    if (number.digits < uint64_t(1) << 53 && number.exponent >= -22 && number.exponent <= 22 && !number.is_cut) {
        value = scaled(number);
        if (number.is_negative) value = -value;
        return true;
    }
    return nearest(start, end, number, value);
}

bool convert(const char *start, const char *end, const Decimal &number, float &value) {
    if (number.exponent >= -60 && number.exponent <= 60) {
        // Wrong by less than 4 units in the last place: at most one each for digits, power and operation, less for digits
        // left out. That decides on which side of the middle between two floats the number is, unless it is very close.
        double estimate = scaled(number);
        uint64_t bits;
        std::memcpy(&bits, &estimate, sizeof bits);
        constexpr uint64_t middle = uint64_t(1) << 28, margin = 8;
        bool is_clear = (bits & (2 * middle - 1)) - (middle - margin) > 2 * margin;
        if (number.digits == 0 || (is_clear && estimate >= std::numeric_limits<float>::min() && estimate < 3.4e38)) {
            value = static_cast<float>(number.is_negative ? -estimate : estimate);
            return true;
        }
    }
    return nearest(start, end, number, value);
}

// A double in a format of `Precision` bits with the hidden one and a least exponent; `false` if it rounds to infinity.
template <int Precision, int Least, uint16_t Infinity>
bool narrow(double value, uint16_t &bits) {
    uint64_t wide;
    std::memcpy(&wide, &value, sizeof wide);
    uint16_t sign = static_cast<uint16_t>(wide >> 48 & 0x8000);
    wide &= ~(uint64_t(1) << 63);
    double magnitude;
    std::memcpy(&magnitude, &wide, sizeof magnitude);
    if (std::isnan(value) || std::isinf(value)) {
        bits = static_cast<uint16_t>(sign | Infinity | (std::isnan(value) ? 1 << (Precision - 2) : 0));
        return true;
    }
    int exponent = static_cast<int>(wide >> 52) - 1023;
    if (exponent < Least) exponent = Least;
    if (exponent >= 1 - Least + 1) return false;
    // As many of the last place's units as the nearest multiple of it has; 2^52 leaves no room for fractions.
    uint64_t factor_bits = static_cast<uint64_t>(Precision - 1 - exponent + 1023) << 52;
    double factor;
    std::memcpy(&factor, &factor_bits, sizeof factor);
    double shifted = magnitude * factor + 4503599627370496.0;
    uint64_t units = static_cast<uint64_t>(shifted - 4503599627370496.0);
    uint64_t found = (static_cast<uint64_t>(exponent - Least) << (Precision - 1)) + units;
    if (found >= Infinity) return false;
    bits = static_cast<uint16_t>(sign | found);
    return true;
}

struct Half {
    uint16_t bits;
    static bool from(double value, Half &half) { return narrow<11, -14, 0x7c00>(value, half.bits); }
};

struct BrainFloat {
    uint16_t bits;
    static bool from(double value, BrainFloat &half) { return narrow<8, -126, 0x7f80>(value, half.bits); }
};

struct Truth {
    uint8_t value;
};

// NaN and the infinities, which are no JSON.
bool special(const char *&place, const char *end, double &value) {
    bool is_negative = place != end && *place == '-';
    const char *word = place + is_negative;
    if (take_word(word, end, "NaN", 3)) {
        value = std::numeric_limits<double>::quiet_NaN();
    } else if (take_word(word, end, "Infinity", 8) || take_word(word, end, "Inf", 3)) {
        value = std::numeric_limits<double>::infinity();
    } else {
        return false;
    }
    if (is_negative) value = -value;
    place = word;
    return true;
}

template <typename Value>
bool floating(const char *&place, const char *end, Value &value) {
    const char *start = place;
    Decimal number;
    if (number.read(place, end)) return convert(start, place, number, value);
    place = start;
    double found;
    if (!special(place, end, found)) return false;
    value = static_cast<Value>(found);
    return true;
}

bool element(const char *&place, const char *end, float &value) { return floating(place, end, value); }
bool element(const char *&place, const char *end, double &value) { return floating(place, end, value); }

bool element(const char *&place, const char *end, Half &value) {
    double wide;
    return floating(place, end, wide) && Half::from(wide, value);
}

bool element(const char *&place, const char *end, BrainFloat &value) {
    double wide;
    return floating(place, end, wide) && BrainFloat::from(wide, value);
}

bool element(const char *&place, const char *end, Truth &value) {
    if (take_word(place, end, "true", 4)) return value.value = 1, true;
    if (take_word(place, end, "false", 5)) return value.value = 0, true;
    if (place == end || (*place != '0' && *place != '1')) return false;
    value.value = *place++ == '1';
    return place == end || (!is_digit(*place) && *place != '.' && *place != 'e' && *place != 'E');
}

template <typename Integer, typename = std::enable_if_t<std::is_integral_v<Integer>>>
bool element(const char *&place, const char *end, Integer &value) {
    bool is_negative = place != end && *place == '-';
    if (is_negative) ++place;
    if (place == end || !is_digit(*place)) return false;
    uint64_t magnitude = 0;
    if (*place == '0') {
        ++place;
    } else {
        for (; place != end && is_digit(*place); ++place) {
            if (__builtin_mul_overflow(magnitude, uint64_t(10), &magnitude) ||
                __builtin_add_overflow(magnitude, static_cast<uint64_t>(*place - '0'), &magnitude)) {
                return false;
            }
        }
    }
    if (place != end && *place == '.') {
        const char *fraction = ++place;
        while (place != end && *place == '0') ++place;
        if (place == fraction || (place != end && is_digit(*place))) return false;
    }
    if (place != end && (*place == 'e' || *place == 'E')) return false;
    constexpr uint64_t most = static_cast<uint64_t>(std::numeric_limits<Integer>::max());
    if (magnitude > (is_negative ? (std::is_signed_v<Integer> ? most + 1 : 0) : most)) return false;
    value = static_cast<Integer>(is_negative ? 0 - magnitude : magnitude);
    return true;
}

void skip_space(const char *&place, const char *end) {
    while (place != end && (*place == ' ' || *place == '\n' || *place == '\r' || *place == '\t')) ++place;
}

template <typename Element>
daris_elements_t read(const char *text, size_t length, size_t position, void *elements, size_t capacity) {
    const char *place = text + position, *end = text + length;
    char *target = static_cast<char *>(elements);
    for (size_t count = 0;; ++count) {
        if (count == capacity) return {count, static_cast<size_t>(place - text), DARIS_STOP_FULL};
        const char *start = place;
        Element value;
        if (!element(place, end, value)) return {count, static_cast<size_t>(start - text), DARIS_STOP_OTHER};
        std::memcpy(target + count * sizeof value, &value, sizeof value);
        const char *behind = place;
        skip_space(place, end);
        if (place != end && *place == ',') {
            ++place;
            skip_space(place, end);
            if (place != end && (is_digit(*place) || *place == '-' || (*place | 0x20) >= 'a') && *place != '[' &&
                *place != ']' && *place != '{' && *place != '}') {
                continue;
            }
        }
        return {count + 1, static_cast<size_t>(behind - text), DARIS_STOP_END};
    }
}

}  // namespace

daris_elements_t daris_elements_read(
    int32_t type, const void *bytes, size_t length, size_t position, void *elements, size_t capacity) {
    const char *text = static_cast<const char *>(bytes);
    switch (type) {
    case DARIS_FLOAT32: return read<float>(text, length, position, elements, capacity);
    case DARIS_UINT8: return read<uint8_t>(text, length, position, elements, capacity);
    case DARIS_INT8: return read<int8_t>(text, length, position, elements, capacity);
    case DARIS_UINT16: return read<uint16_t>(text, length, position, elements, capacity);
    case DARIS_INT16: return read<int16_t>(text, length, position, elements, capacity);
    case DARIS_INT32: return read<int32_t>(text, length, position, elements, capacity);
    case DARIS_INT64: return read<int64_t>(text, length, position, elements, capacity);
    case DARIS_BOOL: return read<Truth>(text, length, position, elements, capacity);
    case DARIS_FLOAT16: return read<Half>(text, length, position, elements, capacity);
    case DARIS_FLOAT64: return read<double>(text, length, position, elements, capacity);
    case DARIS_UINT32: return read<uint32_t>(text, length, position, elements, capacity);
    case DARIS_UINT64: return read<uint64_t>(text, length, position, elements, capacity);
    case DARIS_BFLOAT16: return read<BrainFloat>(text, length, position, elements, capacity);
    default: return {0, position, DARIS_STOP_OTHER};
    }
}
