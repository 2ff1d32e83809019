import DarisCore
import DarisRuntime
import Foundation
import ONNXRuntime
import Testing

@testable import DarisServer

@Suite("Numbers of tensors as text")
struct NumberTextTests {
    private func read(_ type: String, _ texts: [String]) throws(InferenceError) -> [UInt8] {
        let data = texts.joined(separator: ", ")
        let text =
            #"{"inputs":[{"name":"x","datatype":"\#(type)","shape":[\#(texts.count)],"data":[\#(data)]}]}"#
        return try Array(text.utf8).withUnsafeBufferPointer { bytes throws(InferenceError) in
            let bytes = UnsafeRawBufferPointer(bytes)
            return try RequestDecoding.request(
                try RequestDecoding.header(bytes, length: nil), bytes, model: "m", version: nil
            ).inputs[0].bytes
        }
    }

    private func elements<Bits: FixedWidthInteger>(_ type: String, _ texts: [String], _: Bits.Type) throws -> [Bits] {
        try read(type, texts).withUnsafeBytes { Array($0.bindMemory(to: Bits.self)) }
    }

    private func write<Bits: FixedWidthInteger>(_ type: ElementType, _ values: [Bits]) throws -> [String] {
        var writer = JSONWriter()
        try writer.elements(values.withUnsafeBytes { Array($0) }, type: type, name: "y")
        return String(decoding: writer.bytes, as: UTF8.self).dropFirst().dropLast().split(separator: ",").map(
            String.init)
    }

    // MARK: - Reading

    /// The nearest float to each number, from exact fractions in Python.
    @Test("numbers beside the middle of two floats are rounded once")
    func middles() throws {
        let expected: [(text: String, bits: UInt32)] = [
            ("16777217", 0x4b80_0000), ("16777217.000000000000000000000001", 0x4b80_0001),
            ("16777216.999999999999999999999999", 0x4b80_0000), ("16777219", 0x4b80_0002),
            ("1.00000005960464477539062500", 0x3f80_0000),
            ("1.000000059604644775390625000000000000000000000000000000000000001", 0x3f80_0001),
            ("1.0000000596046447753906249999999999999999", 0x3f80_0000), ("1.00000017881393432617187500", 0x3f80_0002),
            ("7.0064923216240853546186479164495e-46", 0x0000_0000),
            ("7.0064923216240853546186479164496e-46", 0x0000_0001),
            ("7.00649232162408535461864791644958065640130970938258e-46", 0x0000_0001),
            ("7.1e-46", 0x0000_0001), ("1e-45", 0x0000_0001), ("2.1019476964872256e-45", 0x0000_0001),
            ("1.17549435e-38", 0x0080_0000), ("1.1754942807573642918278299e-38", 0x0080_0000),
            ("1.1754942e-38", 0x007f_ffff), ("3.4028234663852886e+38", 0x7f7f_ffff),
            ("3.40282356779733661637539395458142568447e+38", 0x7f7f_ffff), ("1e-50", 0x0000_0000),
            ("-1e-50", 0x8000_0000),
            ("-0", 0x8000_0000), ("0e999999999999999999999", 0x0000_0000), ("0.1", 0x3dcc_cccd),
            ("0.10000000149011612", 0x3dcc_cccd), ("123456789012345678901234567890", 0x6fc7_7488),
            ("8.589973e9", 0x5000_0026), ("9007199254740993", 0x5a00_0000),
            ("0.000000000000000000000000000001e30", 0x3f80_0000),
            ("100000000000000000000000000000000000000e-38", 0x3f80_0000), ("1E5", 0x47c3_5000), ("1e+5", 0x47c3_5000),
        ]
        let found = try elements("FP32", expected.map(\.text), UInt32.self)
        for (expected, found) in zip(expected, found) {
            let c = strtof(expected.text, nil).bitPattern
            #expect(
                found == expected.bits && c == expected.bits,
                "\(expected.text): \(String(found, radix: 16)), C: \(String(c, radix: 16))")
        }
    }

    /// Spellings of a number: short, long, longer than needed, with leading zeros and exponents.
    private static func spellings(_ value: Double, _ generator: inout SplitMix64) -> [String] {
        var texts = ["\(value)", "\(Float(value))"]
        for digits in [0, 3, 8, 9, 15, 16, 17, 19, 25, 40] { texts.append(String(format: "%.\(digits)e", value)) }
        texts.append(String(format: "%.17g", value))
        if abs(value) < 1e30 { texts.append(String(format: "%.\(generator.next() % 60)f", value)) }
        let places = Int(generator.next() % 20)
        texts.append(
            "0." + String(repeating: "0", count: places) + "\(generator.next())e\(Int(generator.next() % 60) - 30)")
        texts.append("\(generator.next())\(generator.next())e-\(generator.next() % 60)")
        return texts.filter { $0 != "inf" && $0 != "-inf" && $0 != "nan" }
    }

    @Test("floats are the nearest, as C's library has them", arguments: 0..<8 as Range<UInt64>)
    func floats(seed: UInt64) throws {
        var generator = SplitMix64(seed: seed)
        var texts: [String] = []
        for _ in 0..<600 {
            let bits = UInt32(truncatingIfNeeded: generator.next())
            let value = Float(bitPattern: bits)
            guard value.isFinite, value.nextUp.isFinite else { continue }
            texts += Self.spellings(Double(value), &generator)
            // The middle to the next, which is exact as a double, and a little beside it.
            let middle = (Double(value) + Double(value.nextUp)) / 2
            let exact = String(format: "%.120e", middle)
            texts += [exact, exact.replacing("e", with: "1e")]
            texts += Self.spellings(middle, &generator)
            texts += Self.spellings(Double(generator.next() >> 11) / Double(1 << 53), &generator)
        }
        texts = texts.filter { strtof($0, nil).isFinite }
        let found = try elements("FP32", texts, UInt32.self)
        #expect(found.count > 10_000)
        for (text, found) in zip(texts, found) where found != strtof(text, nil).bitPattern {
            Issue.record("\(text): \(Float(bitPattern: found)), not \(strtof(text, nil))")
        }
    }

    @Test("doubles are the nearest, as C's library has them", arguments: 0..<8 as Range<UInt64>)
    func doubles(seed: UInt64) throws {
        var generator = SplitMix64(seed: seed)
        var texts: [String] = []
        for _ in 0..<600 {
            let value = Double(bitPattern: generator.next())
            if value.isFinite { texts += Self.spellings(value, &generator) }
            texts += Self.spellings(Double(generator.next() >> 11) / Double(1 << 53), &generator)
        }
        texts = texts.filter { strtod($0, nil).isFinite }
        let found = try elements("FP64", texts, UInt64.self)
        for (text, found) in zip(texts, found) where found != strtod(text, nil).bitPattern {
            Issue.record("\(text): \(Double(bitPattern: found)), not \(strtod(text, nil))")
        }
    }

    /// The value of a 16-bit float, from its definition.
    private static func value(_ bits: UInt16, fraction: Int, bias: Int) -> Double {
        let mantissa = Double(bits & (1 << fraction - 1))
        let exponent = Int(bits & 0x7fff) >> fraction
        let one = pow(2.0, Double(fraction))
        let value =
            exponent == 0
            ? mantissa / one * pow(2, Double(1 - bias)) : (1 + mantissa / one) * pow(2, Double(exponent - bias))
        return bits >> 15 == 0 ? value : -value
    }

    @Test(
        "every 16-bit float is read, written and rounded to",
        arguments: [("FP16", 10, 15), ("BF16", 7, 127)])
    func halves(type: String, fraction: Int, bias: Int) throws {
        let infinity = (UInt16(0x7fff) >> fraction) << fraction
        let all = (0..<infinity).flatMap { [$0, $0 | 0x8000] }
        let values = all.map { Self.value($0, fraction: fraction, bias: bias) }
        let isRead = try elements(type, values.map { "\($0)" }, UInt16.self) == all
        #expect(isRead)
        let texts = try write(try #require(.init(protocolName: type)), all)
        let isWritten = texts.map { Float($0) } == values.map { Float($0) }
        let isReadAgain = try elements(type, texts, UInt16.self) == all
        #expect(isWritten && isReadAgain)
        // The middle goes to the even one, what is beside it to the nearest.
        var middles: [(text: String, bits: UInt16)] = []
        for (bits, value) in zip(all, values) where bits & 0x7fff < infinity - 1 {
            let next = Self.value(bits + 1, fraction: fraction, bias: bias)
            let middle = (value + next) / 2
            middles.append(("\(middle)", bits & 1 == 0 ? bits : bits + 1))
            middles.append(("\((middle + (middle - value) / 1_000_000))", bits + 1))
            middles.append(("\((middle - (middle - value) / 1_000_000))", bits))
        }
        let found = try elements(type, middles.map(\.text), UInt16.self)
        for (middle, found) in zip(middles, found) where found != middle.bits {
            Issue.record("\(middle.text): \(found), not \(middle.bits)")
        }
        // One place beyond the largest is half-way to infinity.
        let largest = Self.value(infinity - 1, fraction: fraction, bias: bias)
        let step = largest - Self.value(infinity - 2, fraction: fraction, bias: bias)
        #expect(try elements(type, ["\(largest + step * 0.499)"], UInt16.self) == [infinity - 1])
        #expect(throws: InferenceError.self) { try read(type, ["\(largest + step / 2)"]) }
    }

    @Test(
        "NaN and the infinities are elements of floating point",
        arguments: [
            ("FP16", 0x7e00, 0x7c00), ("BF16", 0x7fc0, 0x7f80), ("FP32", 0x7fc0_0000, 0x7f80_0000),
            ("FP64", 0x7ff8_0000_0000_0000, 0x7ff0_0000_0000_0000),
        ] as [(String, UInt64, UInt64)])
    func special(type: String, nan: UInt64, infinity: UInt64) throws {
        let texts = ["NaN", "Inf", "Infinity", "-Inf", "-Infinity", "-NaN", "1"]
        let bytes = try read(type, texts)
        let size = bytes.count / texts.count
        let sign = UInt64(1) << (8 * size - 1)
        let found = (0..<6).map { index in
            (0..<size).reduce(UInt64(0)) { $0 | UInt64(bytes[index * size + $1]) << (8 * $1) }
        }
        #expect(found == [nan, infinity, infinity, infinity | sign, infinity | sign, nan | sign])
        var writer = JSONWriter()
        try writer.elements(bytes, type: try #require(.init(protocolName: type)), name: "y")
        #expect(String(decoding: writer.bytes, as: UTF8.self) == "[NaN,Infinity,Infinity,-Infinity,-Infinity,NaN,1.0]")
    }

    @Test(
        "what an element may not be is said with its input and index",
        arguments: [
            ("FP32", "1e39", "element 1 is 1e39, which is no FP32: it must be a number of at most ±3.4028235e+38"),
            ("FP32", "3.40282356779733661637539395458142568448e+38", "of at most ±3.4028235e+38"),
            ("FP64", "-1e309", "element 1 is -1e309"),
            ("FP16", "65520", "which is no FP16"), ("BF16", "3.4e38", "which is no BF16"),
            ("FP64", "1" + String(repeating: "0", count: 400), "…, which is no FP64"),
            ("INT8", "128", "which is no INT8: it must be a whole number from -128 to 127"), ("INT8", "-129", "INT8"),
            ("UINT8", "256", "UINT8"), ("UINT8", "-1", "UINT8"), ("INT16", "32768", "INT16"),
            ("UINT16", "65536", "UINT16"), ("INT32", "2147483648", "INT32"), ("INT32", "-2147483649", "INT32"),
            ("UINT32", "4294967296", "UINT32"), ("INT64", "9223372036854775808", "INT64"),
            ("INT64", "-9223372036854775809", "INT64"), ("UINT64", "18446744073709551616", "UINT64"),
            ("UINT64", "100000000000000000000000", "UINT64"), ("INT32", "1.5", "element 1 is 1.5, which is no INT32"),
            ("INT32", "1.01", "INT32"), ("INT32", "1e2", "INT32"), ("INT8", "true", "element 1 is true"),
            ("INT8", "NaN", "element 1 is NaN or infinity"), ("INT8", "null", "element 1 is null"),
            ("FP32", "null", "element 1 is null"), ("FP32", "true", "element 1 is true"),
            ("FP32", "\"1\"", "element 1 is \"1\""), ("FP32", "{}", "element 1 is {}"),
            ("BOOL", "2", "must be true or false"),
            ("BOOL", "1.0", "must be true or false"),
            ("BYTES", "1", "element 1 is 1, which is no BYTES: it must be a string"),
            ("BYTES", "null", "no BYTES"),
        ])
    func outOfRange(type: String, text: String, words: String) throws {
        let first = ["BOOL": "true", "BYTES": "\"\""][type] ?? "1"
        let error = try #require(throws: InferenceError.self) { try read(type, [first, text]) }
        #expect(error.kind == .invalid && error.message.hasPrefix("input 'x': element 1 "), "\(error.message)")
        #expect(error.message.contains(words), "\(error.message)")
    }

    @Test(
        "the first and the last integer of each type",
        arguments: [
            ("INT8", "-128", "127"), ("UINT8", "0", "255"), ("INT16", "-32768", "32767"), ("UINT16", "0", "65535"),
            ("INT32", "-2147483648", "2147483647"), ("UINT32", "0", "4294967295"),
            ("INT64", "-9223372036854775808", "9223372036854775807"), ("UINT64", "0", "18446744073709551615"),
        ])
    func bounds(type: String, least: String, most: String) throws {
        var writer = JSONWriter()
        try writer.elements(
            try read(type, [least, most, "1.0", "0.000", "0"]), type: try #require(.init(protocolName: type)), name: "y"
        )
        #expect(String(decoding: writer.bytes, as: UTF8.self) == "[\(least),\(most),1,0,0]")
    }

    @Test("random integers are read and written as Swift has them", arguments: 0..<4 as Range<UInt64>)
    func integers(seed: UInt64) throws {
        var generator = SplitMix64(seed: seed)
        func check<Integer: FixedWidthInteger>(_ type: ElementType, _: Integer.Type) throws {
            let values = (0..<3_000).map { _ in Integer(truncatingIfNeeded: generator.next() >> (generator.next() % 64))
            }
            let texts = values.map { "\($0)" }
            let isRead = try elements(type.protocolName, texts, Integer.self) == values
            let isWritten = try write(type, values) == texts
            #expect(isRead && isWritten, "\(type)")
        }
        try check(.int8, Int8.self)
        try check(.uint8, UInt8.self)
        try check(.int16, Int16.self)
        try check(.uint16, UInt16.self)
        try check(.int32, Int32.self)
        try check(.uint32, UInt32.self)
        try check(.int64, Int64.self)
        try check(.uint64, UInt64.self)
    }

    // MARK: - Writing

    @Test(
        "floats that were written are the same for other readers, and about as long as Swift's",
        arguments: 0..<4 as Range<UInt64>)
    func written(seed: UInt64) throws {
        var generator = SplitMix64(seed: seed)
        let floats = (0..<20_000).map { _ in UInt32(truncatingIfNeeded: generator.next()) }.filter {
            Float(bitPattern: $0).isFinite
        }
        let doubles = (0..<20_000).map { _ in generator.next() }.filter { Double(bitPattern: $0).isFinite }
        let texts = try write(.float32, floats)
        let isSame = texts.map { strtof($0, nil).bitPattern } == floats
        #expect(isSame)
        for (text, bits) in zip(texts, floats) where text.utf8.count > "\(Float(bitPattern: bits))".utf8.count + 2 {
            Issue.record("\(text) for \(Float(bitPattern: bits))")
        }
        let isRead = try elements("FP32", texts, UInt32.self) == floats
        #expect(isRead)
        let long = try write(.float64, doubles)
        let isLongRead = try elements("FP64", long, UInt64.self) == doubles
        #expect(isLongRead)
        let json = Data("[\(long.joined(separator: ","))]".utf8)
        let parsed = try JSONDecoder().decode([Double].self, from: json)
        for (text, (found, bits)) in zip(long, zip(parsed, doubles)) where found.bitPattern != bits {
            Issue.record("\(text) is \(found) for another reader, not \(Double(bitPattern: bits))")
        }
    }

    @Test("a whole number of floating point has a point or an exponent")
    func whole() throws {
        let values: [Float] = [0, -0.0, 1, -10, 100_000, 123_456_790_528, 1e20, 16_777_216]
        let texts = try write(.float32, values.map(\.bitPattern))
        #expect(texts == ["0.0", "-0.0", "1.0", "-10.0", "1e+05", "123456790528.0", "1e+20", "16777216.0"])
    }
}
