import DarisRuntime
import Foundation
import ONNXRuntime
import Testing

@testable import DarisServer

@Suite("Inference responses in JSON")
struct ResponseEncodingTests {
    private func output(_ type: ElementType, _ bytes: [UInt8], isBinary: Bool = false) -> InferenceResponse.Output {
        .init(tensor: .init(name: "y", elementType: type, shape: [1]), bytes: bytes, isBinary: isBinary)
    }

    private func text(_ outputs: [InferenceResponse.Output], id: String? = nil) throws -> String {
        let body = try ResponseEncoding.body(.init(model: "m", version: "1", id: id, outputs: outputs))
        return String(decoding: body.bytes.prefix(body.headerLength ?? body.bytes.count), as: UTF8.self)
    }

    @Test("names and ids are escaped, elements are numbers and words of JSON")
    func json() throws {
        let text = try text([output(.bool, [1, 0]), output(.float32, [0, 0, 0x20, 0xc1])], id: "a\"\n\u{1}")
        let parsed = try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any]
        #expect(parsed?["id"] as? String == "a\"\n\u{1}")
        #expect(text.contains("[true,false]") && text.contains("[-10.0]"))
    }

    @Test("bytes stand behind the JSON, which says how many")
    func binary() throws {
        let body = try ResponseEncoding.body(
            .init(model: "m", version: "1", id: nil, outputs: [output(.uint8, [7, 8], isBinary: true)]))
        #expect(body.bytes.suffix(2) == [7, 8] && body.headerLength == body.bytes.count - 2)
        #expect(String(decoding: body.bytes.dropLast(2), as: UTF8.self).contains("\"binary_data_size\":2"))
    }

    @Test("NaN and the infinities are the words that Triton writes")
    func special() throws {
        let text = try text([
            output(.float32, [0, 0, 0xc0, 0x7f, 0, 0, 0x80, 0x7f, 0, 0, 0x80, 0xff]), output(.float16, [0, 0x7c]),
        ])
        #expect(text.contains("[NaN,Infinity,-Infinity]") && text.contains("[Infinity]"))
    }

    @Test("bytes that are not UTF-8 are an error that names the output and the way out")
    func unsayable() throws {
        for bytes: [UInt8] in [[1, 0, 0, 0, 0xff], [9, 0, 0, 0, 1], [1, 0, 0, 0, 65, 2, 0, 0, 0, 0xc3, 0x28]] {
            let error = try #require(throws: InferenceError.self) { try text([output(.string, bytes)]) }
            #expect(error.message.hasPrefix("output 'y' holds ") && error.message.contains("binary_data: true"))
        }
    }

    @Test("strings are the same for another reader")
    func strings() throws {
        let strings = ["", "a\"b\\", "é😀\u{0}\u{1f}\n", String(repeating: "x\t", count: 5_000)]
        let parsed = try JSONSerialization.jsonObject(
            with: Data(try text([output(.string, EncodedStrings.encode(strings.map(\.utf8)))]).utf8))
        let outputs = (parsed as? [String: Any])?["outputs"] as? [[String: Any]]
        #expect(outputs?.first?["data"] as? [String] == strings)
    }

    @Test("an answer ends where its limit is passed, wherever that is", arguments: [ElementType.float32, .string])
    func limit(type: ElementType) throws {
        let bytes =
            type == .string
            ? EncodedStrings.encode(repeatElement("abc".utf8, count: 5_000)) : [UInt8](repeating: 1, count: 40_000)
        let response = InferenceResponse(
            model: "m", version: "1", id: nil,
            outputs: [output(type, bytes), output(.uint8, [1, 2, 3], isBinary: true)])
        let whole = try ResponseEncoding.body(response)
        for limit in [0, 3, 100, 10_000, whole.bytes.count - 1] {
            let error = try #require(throws: InferenceError.self) {
                _ = try ResponseEncoding.body(response, limit: limit)
            }
            #expect(error.message.contains("larger than \(limit) bytes"))
        }
        let isSame = try ResponseEncoding.body(response, limit: whole.bytes.count).bytes == whole.bytes
        #expect(isSame)
    }

    @Test(
        "elements are separated by commas where blocks of them meet", arguments: [0, 1, 189, 190, 191, 380, 381, 5_000])
    func blocks(count: Int) throws {
        let values = (0..<count).map { Float($0) / 8 }
        var writer = JSONWriter()
        try writer.elements(values.withUnsafeBytes { Array($0) }, type: .float32, name: "y")
        #expect(try JSONSerialization.jsonObject(with: Data(writer.bytes)) as? [Float] == values)
    }
}
