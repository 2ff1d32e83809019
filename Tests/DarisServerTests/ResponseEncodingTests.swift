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

    @Test("what JSON cannot say is an error that names the way out")
    func unsayable() throws {
        for bytes: [UInt8] in [[0, 0, 0xc0, 0x7f], [0, 0, 0x80, 0x7f]] {
            let error = try #require(throws: InferenceError.self) { try text([output(.float32, bytes)]) }
            #expect(error.message.contains("binary_data: true"))
        }
        #expect(throws: InferenceError.self) { try text([output(.string, [9, 0, 0, 0, 1])]) }
        #expect(throws: InferenceError.self) { try text([output(.string, [1, 0, 0, 0, 0xff])]) }
    }

    @Test("16-bit floats are rounded to the nearest, and back")
    func brainFloat() {
        for value: Float in [0, 1, -1.5, 3.140_625, .infinity] {
            #expect(BrainFloat.value(BrainFloat.bits(value)) == value)
        }
        #expect(BrainFloat.value(BrainFloat.bits(.nan)).isNaN)
        #expect(BrainFloat.bits(Float(bitPattern: 0x3f80_8000)) == 0x3f80, "a tie goes to the even one")
        #expect(BrainFloat.bits(Float(bitPattern: 0x3f81_8000)) == 0x3f82)
    }
}
