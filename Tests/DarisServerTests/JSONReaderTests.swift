import DarisCore
import Foundation
import Testing

@testable import DarisServer

@Suite("JSON to the letter")
struct JSONReaderTests {
    /// The number of the byte that is wrong, from 0, with what should be there.
    private func problem(_ text: String) -> (position: Int, text: String)? {
        problem(Array(text.utf8))
    }

    private func problem(_ text: [UInt8]) -> (position: Int, text: String)? {
        do throws(InferenceError) {
            try text.withUnsafeBufferPointer { bytes throws(InferenceError) in
                var reader = JSONReader(UnsafeRawBufferPointer(bytes))
                try reader.skip()
                try reader.end()
            }
            return nil
        } catch {
            let words = error.message.split(separator: " ")
            guard error.message.hasPrefix("the request is no JSON: byte "), words.count > 6, let byte = Int(words[6])
            else { return (-1, error.message) }
            return (byte - 1, words[9...].joined(separator: " "))
        }
    }

    @Test(
        "what is JSON",
        arguments: [
            "{}", "[]", " [ ] ", "0", "-0", "1.5e+10", "1E5", "\"\"", "\"\\u00e9\\n\\/\"", "true", "null",
            "{\"a\":[1,2,{\"b\":null}],\"c\":\"d\"}", "[[[]]]", "\r\n\t[1 , 2]\n", "\"é\u{7f}\"",
            "\"\\ud83d\\ude00\"", "[{},{},[[],{}]]",
        ])
    func right(text: String) { #expect(problem(text) == nil, "\(text)") }

    @Test(
        "what is not, and where",
        arguments: [
            ("", 0), ("[1,]", 3), ("{\"a\":1,}", 7), ("[1 2]", 3), ("{a:1}", 1), ("{\"a\" 1}", 5), ("01", 1), ("+1", 0),
            (".5", 0), ("1.", 2), ("1e", 2), ("-", 1), ("NaN", 0), ("nul", 3), ("tru ", 3), ("\"a", 2), ("\"\\x\"", 2),
            ("\"\\u12g4\"", 5), ("\"\n\"", 1), ("[", 1), ("]", 0), ("[]]", 2), ("{}{}", 2), ("'a'", 0),
            ("\u{feff}1", 0),
            ("[,1]", 1), ("{,}", 1), ("/**/1", 0), ("[1}", 2), ("{\"a\":1]", 6),
            ("\"\\ud83d\"", 7), ("\"\\ud83dx\"", 7), ("\"\\ude00\"", 3), ("\"\\ud83d\\u0041\"", 9),
        ])
    func wrong(text: String, position: Int) { #expect(problem(text)?.position == position, "\(text)") }

    @Test(
        "bytes that are not UTF-8 are found",
        arguments: [
            ([0x61, 0xff], 2), ([0xc3], 1), ([0xc0, 0x80], 1), ([0xed, 0xa0, 0x80], 1), ([0xf4, 0x90, 0x80, 0x80], 1),
            ([0xc3, 0xa9, 0x80], 3),
        ] as [([UInt8], Int)])
    func encoding(text: [UInt8], position: Int) {
        let found = problem([UInt8(ascii: "\"")] + text + [UInt8(ascii: "\"")])
        #expect(found?.position == position && found?.text == "UTF-8", "\(String(describing: found))")
    }

    @Test("arrays may be in each other, but not without end")
    func depth() {
        func nested(_ depth: Int) -> String {
            String(repeating: "[", count: depth) + String(repeating: "]", count: depth)
        }
        #expect(problem(nested(JSONReader.depth)) == nil)
        #expect(problem(nested(JSONReader.depth + 1))?.text.contains("no more than") == true)
        #expect(problem(String(repeating: "[", count: 1_000_000)) != nil)
    }

    @Test("strings are what another reader makes of them", arguments: 0..<20 as Range<UInt64>)
    func strings(seed: UInt64) throws {
        var generator = SplitMix64(seed: seed)
        for _ in 0..<200 {
            let text = Self.randomString(&generator)
            let expected = try #require(
                try JSONSerialization.jsonObject(with: Data(text.utf8), options: .fragmentsAllowed) as? String)
            let found = try Array(text.utf8).withUnsafeBufferPointer { bytes throws(InferenceError) in
                var reader = JSONReader(UnsafeRawBufferPointer(bytes))
                let found = try reader.string("")
                try reader.end()
                return found
            }
            #expect(found.utf8.elementsEqual(expected.utf8), "\(text)")
        }
    }

    /// A string of JSON with characters of all lengths, as they are and as escapes.
    private static func randomString(_ generator: inout SplitMix64) -> String {
        var text = "\""
        for _ in 0..<(generator.next() % 12) {
            let scalar: Unicode.Scalar =
                switch generator.next() % 5 {
                case 0: Unicode.Scalar(UInt8(generator.next() % 128))
                case 1: Unicode.Scalar(UInt32(0x80 + generator.next() % 0x700)) ?? "x"
                case 2: Unicode.Scalar(UInt32(0x800 + generator.next() % 0xf000)) ?? "x"
                case 3: Unicode.Scalar(UInt32(0x10000 + generator.next() % 0x10_0000)) ?? "x"
                default: Unicode.Scalar(UInt8(ascii: "a") + UInt8(generator.next() % 26))
                }
            let short: [Unicode.Scalar: String] = [
                "\"": "\\\"", "\\": "\\\\", "/": "\\/", "\u{8}": "\\b", "\u{c}": "\\f", "\n": "\\n", "\r": "\\r",
                "\t": "\\t",
            ]
            let mustEscape = scalar.value < 0x20 || scalar == "\"" || scalar == "\\"
            if let escape = short[scalar], generator.next() % 2 == 0 {
                text += escape
            } else if mustEscape || generator.next() % 3 == 0 {
                for unit in String(scalar).utf16 {
                    let digits = String(unit, radix: 16, uppercase: generator.next() % 2 == 0)
                    text += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
                }
            } else {
                text.unicodeScalars.append(scalar)
            }
        }
        return text + "\""
    }

    @Test("the quick way behind a value ends where the strict one does", arguments: 0..<20 as Range<UInt64>)
    func pass(seed: UInt64) throws {
        var generator = SplitMix64(seed: seed)
        func value(_ depth: Int) -> String {
            switch generator.next() % (depth > 0 ? 6 : 4) {
            case 0: return "\(Int(generator.next() % 1000))"
            case 1: return Self.randomString(&generator)
            case 2: return ["true", "null", "-1.5e3"][Int(generator.next() % 3)]
            case 3: return #""]}\"[{""#
            case 4:
                return "[" + (0..<(generator.next() % 4)).map { _ in value(depth - 1) }.joined(separator: " , ") + "]"
            default:
                return "{"
                    + (0..<(generator.next() % 4)).map { #""\#($0)" : "# + value(depth - 1) }.joined(separator: ",")
                    + "}"
            }
        }
        for _ in 0..<100 {
            let text = value(4)
            try Array("\(text), 1".utf8).withUnsafeBufferPointer { bytes throws(InferenceError) in
                var (strict, quick) = (
                    JSONReader(UnsafeRawBufferPointer(bytes)), JSONReader(UnsafeRawBufferPointer(bytes))
                )
                try strict.skip()
                let isWhole = quick.pass()
                #expect(isWhole && quick.position == strict.position, "\(text)")
            }
        }
    }
}
