import DarisCore
import Foundation
import ONNXRuntime
import Testing

@testable import DarisServer

@Suite("Inference requests in JSON")
struct RequestDecodingTests {
    private func decode(
        _ text: String, behind: [UInt8] = [], isSplit: Bool = false
    ) throws(InferenceError) -> InferenceRequest {
        let body = Array(text.utf8) + behind
        let length = isSplit ? text.utf8.count : nil
        // Of `withUnsafeBytes` Foundation has another, which forgets what is thrown.
        return try body.withUnsafeBufferPointer { bytes throws(InferenceError) in
            let bytes = UnsafeRawBufferPointer(bytes)
            return try RequestDecoding.request(
                try RequestDecoding.header(bytes, length: length), bytes, model: "m", version: nil)
        }
    }

    private func input(_ type: String, _ shape: String, _ data: String) -> String {
        #"{"inputs":[{"name":"x","datatype":"\#(type)","shape":\#(shape),"data":\#(data)}]}"#
    }

    @Test(
        "elements of every type, flat or nested, become their bytes",
        arguments: [
            ("BOOL", "[true, false, 1]", [1, 0, 1]), ("INT8", "[-1, 2, 127]", [255, 2, 127]),
            ("UINT8", "[[0], [1], [255]]", [0, 1, 255]), ("INT16", "[-2, 1, 0]", [254, 255, 1, 0, 0, 0]),
            ("UINT16", "[1, 2, 65535]", [1, 0, 2, 0, 255, 255]),
            ("INT32", "[[[1], [-1], [0]]]", [1, 0, 0, 0, 255, 255, 255, 255, 0, 0, 0, 0]),
            ("FP16", "[1, -2, 0.5]", [0, 0x3c, 0, 0xc0, 0, 0x38]),
            ("BF16", "[1, -2, 0.5]", [0x80, 0x3f, 0, 0xc0, 0, 0x3f]),
            ("FP32", "[1, 0, 0]", [0, 0, 0x80, 0x3f, 0, 0, 0, 0, 0, 0, 0, 0]),
            ("BYTES", #"["", "a", "é"]"#, [0, 0, 0, 0, 1, 0, 0, 0, 97, 2, 0, 0, 0, 0xc3, 0xa9]),
        ] as [(String, String, [UInt8])])
    func types(type: String, data: String, bytes: [UInt8]) throws {
        let request = try decode(input(type, "[3]", data))
        #expect(
            request.inputs == [
                .init(name: "x", type: try #require(.init(protocolName: type)), shape: [3], bytes: bytes)
            ])
    }

    @Test(
        "a request for the index is read as JSON",
        arguments: [
            ("", false), ("{}", false), (#"{"ready":true}"#, true), (#"{"ready": true}"#, true),
            (" {\n \"ready\"\t:\r\n true }\n", true), (#"{"ready":false}"#, false), (#"{"ready":null}"#, false),
            (#"{"other":"\"ready\":true"}"#, false), (#"{"name":"x","ready":true}"#, true),
        ])
    func index(text: String, isReadyOnly: Bool) throws {
        #expect(try RequestDecoding.isReadyOnly(Array(text.utf8)) == isReadyOnly)
    }

    @Test(
        "a request for the index that is wrong is told so",
        arguments: ["ready", #"{"ready":1}"#, "[]", "{} {}", "\u{0}"])
    func wrongIndex(text: String) {
        let error = #expect(throws: InferenceError.self) { try RequestDecoding.isReadyOnly(Array(text.utf8)) }
        #expect(
            error?.kind == .invalid && error?.message.hasPrefix("the request is ") == true,
            "\(String(describing: error))")
    }

    @Test("64-bit numbers keep every digit")
    func wide() throws {
        let request = try decode(input("UINT64", "[1]", "[18446744073709551615]"))
        #expect(request.inputs[0].bytes == [UInt8](repeating: 255, count: 8))
        let signed = try decode(input("INT64", "[1]", "[-9223372036854775807]"))
        #expect(signed.inputs[0].bytes == [1, 0, 0, 0, 0, 0, 0, 128])
    }

    @Test("bytes behind the JSON belong to the inputs that say so, in their order")
    func binary() throws {
        let text = #"""
            {"id":"7","inputs":[
            {"name":"a","datatype":"UINT8","shape":[2],"parameters":{"binary_data_size":2}},
            {"name":"b","datatype":"UINT8","shape":[1],"data":[9]},
            {"name":"c","datatype":"UINT8","shape":[1],"parameters":{"binary_data_size":1}}],
            "outputs":[{"name":"y","parameters":{"binary_data":true}},{"name":"z"}],
            "parameters":{"priority":1,"timeout":2500}}
            """#
        let request = try decode(text, behind: [1, 2, 3], isSplit: true)
        #expect(request.inputs.map(\.bytes) == [[1, 2], [9], [3]])
        #expect(request.outputs == [.init(name: "y", isBinary: true), .init(name: "z", isBinary: false)])
        #expect(request.id == "7" && request.priority == 1 && request.timeout == .microseconds(2_500))
    }

    @Test(
        "what is wrong is said",
        arguments: [
            ("", "the request has no body"), ("[]", "is not as it should be"),
            (#"{"inputs":[{}]}"#, "'name' is missing"),
            (#"{"inputs":[{"name":"x","datatype":"F32","shape":[1],"data":[1]}]}"#, "'F32' is no datatype"),
            (#"{"inputs":[{"name":"x","datatype":"FP32","shape":[-1],"data":[1]}]}"#, "is no shape"),
            (#"{"inputs":[{"name":"x","datatype":"FP32","shape":[2],"data":[1]}]}"#, "has 1 elements"),
            (
                #"{"inputs":[{"name":"x","datatype":"INT8","shape":[1],"data":[300]}]}"#,
                "element 0 is 300, which is no INT8"
            ),
            (
                #"{"inputs":[{"name":"x","datatype":"BOOL","shape":[1],"data":[2]}]}"#,
                "element 0 is 2, which is no BOOL"
            ),
            (#"{"inputs":[{"name":"x","datatype":"FP32","shape":[1],"data":[1,2]}]}"#, "has more than 1 elements"),
            (#"{"inputs":[{"name":"x","datatype":"FP32","shape":[0],"data":[1]}]}"#, "has more than 0 elements"),
            (#"{"inputs":[{"name":"x","datatype":"BYTES","shape":[1],"data":["a","b"]}]}"#, "has more than 1 elements"),
            (#"{"inputs":[{"name":"x","datatype":"BYTES","shape":[3],"data":["a","b"]}]}"#, "has 2 elements"),
            (#"{"inputs":[{"name":"x","datatype":"FP32","shape":[4,99],"data":[1]}]}"#, "has 1 elements"),
            (#"{"inputs":[{"name":"x","datatype":"FP32","shape":[],"data":1}]}"#, "'data' must be an array"),
            (#"{"inputs":[{"name":"x","datatype":"FP32","shape":[1],"data":[1}]}"#, "byte 63 should be ',' or ']'"),
            (#"{"inputs":[{"name":"x","datatype":"FP32","shape":[1],"data":[1,]}]}"#, "byte 64 should be a value"),
            (#"{"inputs":[{"name":"x","datatype":"FP32","shape":[1],"data":[01]}]}"#, "byte 63 should be ',' or ']'"),
            (#"{"inputs":[{"name":"x","datatype":"FP32","shape":[1],"data":[1.]}]}"#, "byte 64 should be a value"),
            (#"{"inputs":[{"name":"x","datatype":"FP32","shape":[1],"data":[.5]}]}"#, "byte 62 should be a value"),
            (#"{"inputs":[{"name":"x","datatype":"FP32","shape":[1],"data":[Nan]}]}"#, "byte 62 should be a value"),
            (#"{"inputs":[{"name":"x","datatype":"FP32","shape":[1],"data":[0x1]}]}"#, "byte 63 should be ',' or ']'"),
            (#"{"inputs":[{"name":"x","datatype":"FP32","shape":[1],"data":[1"#, "byte 63 should be ',' or ']'"),
            (#"{"inputs":[{"name":"x","data":[[1,]],"datatype":"FP32","shape":[1]}]}"#, "byte 35 should be a value"),
            (#"{"inputs":[{"name":"x","data":[1"#, "is no JSON"), (#"{"inputs":[{"name":"x","data":"#, "is no JSON"),
            (#"{"inputs":[{"name":"x","data":5,"datatype":"FP32","shape":[1]}]}"#, "'data' must be an array"),
            (
                #"{"inputs":[{"name":"x","datatype":"FP32","shape":[1.5],"data":[1]}]}"#,
                "each of 'shape' must be a whole"
            ),
            (#"{"inputs":[{"name":"x","datatype":"FP32","shape":1,"data":[1]}]}"#, "'shape' must be an array"),
            (#"{"inputs":[{"name":7}]}"#, "inputs[0]: 'name' must be a string"),
            (#"{"inputs":[7]}"#, "inputs[0] must be an object"), (#"{"inputs":{}}"#, "'inputs' must be an array"),
            (#"{"inputs":[{"name":"x","name":"y"}]}"#, "input 'x': 'name' is there twice"),
            (#"{"id":"a","inputs":[],"id":"b"}"#, "'id' is there twice"),
            (#"{"id":7,"inputs":[]}"#, "'id' must be a string"),
            ("{}", "'inputs' is missing"), (#"{"inputs":[]} x"#, "byte 15 should be nothing more"),
            (#"{"inputs":[],"outputs":[{}]}"#, "outputs[0]: 'name' is missing"),
            (#"{"inputs":[{"name":"x","datatype":"FP32","shape":[1]}]}"#, "has neither 'data'"),
            (
                #"{"inputs":[{"name":"x","datatype":"FP32","shape":[9223372036854775807,9],"data":[1]}]}"#,
                "which is not its shape"
            ),
            (
                #"{"inputs":[{"name":"x","datatype":"INT8","shape":[1],"data":[1],"parameters":{"binary_data_size":1}}]}"#,
                "has both"
            ),
            (
                #"{"inputs":[{"name":"x","datatype":"INT8","shape":[1],"parameters":{"binary_data_size":9}}]}"#,
                "only 0 are left"
            ),
            (
                #"{"inputs":[{"name":"x","datatype":"INT8","shape":[1],"parameters":{"binary_data_size":-1}}]}"#,
                "'binary_data_size' of input 'x' is -1"
            ),
            (#"{"inputs":[],"parameters":{"timeout":-5}}"#, "'timeout' is -5"),
        ])
    func wrong(text: String, words: String) throws {
        let error = try #require(throws: InferenceError.self) { try decode(text) }
        #expect(error.kind == .invalid && error.message.contains(words), "\(error.message)")
    }

    @Test("members may come in any order", arguments: 0..<24)
    func order(number: Int) throws {
        var rest = [
            #""name": "x""#, #""datatype": "INT16""#, #""shape" : [2, 2]"#, #""data":[[1, 2] ,[ 3,-4]]"#,
        ]
        var (number, members) = (number, [] as [String])
        while !rest.isEmpty {
            members.append(rest.remove(at: number % rest.count))
            number /= rest.count + 1
        }
        let request = try decode(#"{"inputs": [{\#(members.joined(separator: " , "))} ], "id": "7"}"#)
        #expect(
            request.inputs == [
                .init(name: "x", type: .int16, shape: [2, 2], bytes: [1, 0, 2, 0, 3, 0, 0xfc, 0xff])
            ])
        #expect(request.id == "7")
    }

    @Test(
        "elements may be nested in any way, as long as they are as many as the shape has",
        arguments: [
            "[1,2,3,4]", "[[1,2],[3,4]]", "[ [ [1] , [2] ] , [ [3] , [4] ] ]", "[[1],2,[[3]],4]", "[[],1,[2,3],[[],4]]",
            "[[[[[[[[[[[[[[[[1,2,3,4]]]]]]]]]]]]]]]]", "[\n1\r,\t2 , 3,4]",
        ])
    func nesting(data: String) throws {
        #expect(try decode(input("UINT8", "[2,2]", data)).inputs[0].bytes == [1, 2, 3, 4])
    }

    @Test("a request of too many inputs is refused")
    func tooMany() throws {
        let one = #"{"name":"","datatype":"INT8","shape":[0],"data":[]}"#
        let limit = RequestDecoding.entryLimit
        func text(_ count: Int) -> String {
            #"{"inputs":["# + repeatElement(one, count: count).joined(separator: ",") + #"],"outputs":[{"name":"y"}]}"#
        }
        #expect(try decode(text(limit - 1)).inputs.count == limit - 1)
        let error = try #require(throws: InferenceError.self) { try decode(text(limit)) }
        #expect(error.message.contains("more than \(limit) inputs and outputs"))
    }

    @Test("deep nesting is refused, not followed")
    func deep() throws {
        let data = String(repeating: "[", count: 300) + "1" + String(repeating: "]", count: 300)
        let error = try #require(throws: InferenceError.self) { try decode(input("FP32", "[1]", data)) }
        #expect(error.kind == .invalid)
    }

    @Test("bytes that no input asked for are an error")
    func surplus() throws {
        let error = try #require(throws: InferenceError.self) {
            try decode(input("INT8", "[1]", "[1]"), behind: [1], isSplit: true)
        }
        #expect(error.message.contains("1 bytes behind the JSON belong to no input"))
    }

    @Test("a request cut off or changed anywhere is answered, never a crash", arguments: 0..<40 as Range<UInt64>)
    func mangled(seed: UInt64) {
        var generator = SplitMix64(seed: seed)
        let whole = Array(
            #"{"id":"1","inputs":[{"name":"x","datatype":"FP32","shape":[2,2],"data":[[1,2],[3,4]]},{"name":"y","datatype":"BYTES","shape":[1],"parameters":{"binary_data_size":5}}],"outputs":[{"name":"z"}]}"#
                .utf8)
        for _ in 0..<250 {
            var body = whole + [1, 0, 0, 0, 65]
            for _ in 0..<(1 + generator.next() % 4) {
                let place = Int(generator.next() % UInt64(body.count))
                switch generator.next() % 3 {
                case 0: body[place] = UInt8(truncatingIfNeeded: generator.next())
                case 1: body.remove(at: place)
                default: body.insert(contentsOf: body[place...].prefix(Int(generator.next() % 30)), at: place)
                }
            }
            let length = generator.next() % 3 == 0 ? nil : Int(truncatingIfNeeded: generator.next() % 260)
            body.withUnsafeBytes { bytes in
                guard let header = try? RequestDecoding.header(bytes, length: length) else { return }
                _ = try? RequestDecoding.request(header, bytes, model: "m", version: nil)
            }
        }
    }
}
