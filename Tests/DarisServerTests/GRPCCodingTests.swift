import DarisCore
import DarisRuntime
import Foundation
import ONNXRuntime
import Testing

@testable import DarisServer

@Suite("Inference requests in gRPC")
struct GRPCCodingTests {
    private func request(
        _ type: String, _ contents: (inout Inference_InferTensorContents) -> Void
    ) -> Inference_ModelInferRequest {
        .with {
            $0.modelName = "m"
            $0.inputs = [
                .with {
                    $0.name = "x"
                    $0.datatype = type
                    $0.shape = [2]
                    contents(&$0.contents)
                }
            ]
        }
    }

    @Test("elements one by one become their bytes, narrowed where the type is narrower")
    func contents() throws {
        let cases: [(String, (inout Inference_InferTensorContents) -> Void, [UInt8])] = [
            ("BOOL", { $0.boolContents = [true, false] }, [1, 0]), ("INT8", { $0.intContents = [-1, 5] }, [255, 5]),
            ("UINT16", { $0.uintContents = [1, 65_535] }, [1, 0, 255, 255]),
            ("INT64", { $0.int64Contents = [-2] }, [254] + [UInt8](repeating: 255, count: 7)),
            ("FP32", { $0.fp32Contents = [1] }, [0, 0, 0x80, 0x3f]),
            ("BYTES", { $0.bytesContents = [Data(), Data([9])] }, [0, 0, 0, 0, 1, 0, 0, 0, 9]),
        ]
        for (type, contents, bytes) in cases {
            let call = InferCall(message: request(type, contents))
            #expect(try InferenceRequest(call).inputs[0].bytes == bytes, "\(type)")
        }
    }

    @Test("what is wrong is said")
    func wrong() throws {
        func message(_ request: Inference_ModelInferRequest, _ rawContents: [[UInt8]] = []) throws -> String {
            try #require(throws: InferenceError.self) {
                try InferenceRequest(InferCall(message: request, rawContents: rawContents))
            }.message
        }
        #expect(try message(request("INT8") { $0.intContents = [300] }).contains("300 is no INT8"))
        #expect(try message(request("FP16") { $0.fp32Contents = [1] }).contains("use raw_input_contents"))
        #expect(try message(request("F") { _ in }).contains("is no datatype"))
        let both = request("INT8") { $0.intContents = [1] }
        #expect(try message(both, [[1]]).contains("both contents and raw contents"))
        #expect(try message(both, [[], []]).contains("1 inputs and 2 raw_input_contents"))
        var late = request("INT8") { $0.intContents = [1] }
        late.parameters["timeout"] = .with { $0.int64Param = -1 }
        #expect(try message(late).contains("'timeout' is -1"))
        late.parameters["timeout"] = .with { $0.boolParam = true }
        #expect(try message(late).contains("must be a whole number"))
    }

    @Test("parameters are read, whatever kind of whole number they are")
    func parameters() throws {
        var request = request("INT8") { $0.intContents = [1] }
        request.parameters["priority"] = .with { $0.uint64Param = 1 }
        request.parameters["timeout"] = .with { $0.stringParam = "2500" }
        let read = try InferenceRequest(InferCall(message: request))
        #expect(read.priority == 1 && read.timeout == .microseconds(2_500) && read.wantsBinary)
    }

    private func int(_ number: Int64) -> Inference_InferParameter { .with { $0.int64Param = number } }

    private func text(_ text: String) -> Inference_InferParameter { .with { $0.stringParam = text } }

    private func bool(_ bool: Bool) -> Inference_InferParameter { .with { $0.boolParam = bool } }

    private func error(
        _ change: (inout Inference_ModelInferRequest) -> Void, _ rawContents: [[UInt8]] = []
    ) throws -> InferenceError {
        var request = request("INT8") { $0.intContents = [1] }
        request.outputs = [.with { $0.name = "y" }]
        change(&request)
        return try #require(throws: InferenceError.self) {
            try InferenceRequest(InferCall(message: request, rawContents: rawContents))
        }
    }

    @Test("a parameter that is not known, or of another kind, is refused by name, whatever it belongs to")
    func unknownParameters() throws {
        let cases: [((inout Inference_ModelInferRequest) -> Void, InferenceError.Kind, String)] = [
            ({ $0.parameters["timeout_ms"] = int(5) }, .invalid, "parameter 'timeout_ms' of the request is not known"),
            (
                { $0.inputs[0].parameters["content_type"] = text("np") }, .invalid,
                "parameter 'content_type' of input 'x' is not known; those known there are 'binary_data_size'"
            ),
            (
                { $0.outputs[0].parameters["top_k"] = int(1) }, .invalid,
                "parameter 'top_k' of output 'y' is not known; those known there are 'binary_data', 'classification'"
            ),
            ({ $0.parameters["priority"] = bool(true) }, .invalid, "'priority' of the request must be a whole number"),
            (
                { $0.parameters["priority"] = .with { $0.doubleParam = 1 } }, .invalid,
                "'priority' of the request must be a whole number"
            ),
            (
                { $0.outputs[0].parameters["classification"] = text("3") }, .invalid,
                "'classification' of output 'y' must be a whole number"
            ),
            ({ $0.outputs[0].parameters["classification"] = int(-1) }, .invalid, "is -1, not from 0 up"),
            ({ $0.parameters["sequence_id"] = int(7) }, .unsupported, "stateful sequences are not supported"),
            ({ $0.parameters["sequence_start"] = bool(true) }, .unsupported, "parameter 'sequence_start'"),
            ({ $0.parameters["sequence_other"] = bool(false) }, .unsupported, "parameter 'sequence_other'"),
            (
                { $0.parameters["triton_enable_empty_final_response"] = int(1) }, .invalid,
                "'triton_enable_empty_final_response' of the request must be true or false"
            ),
            ({ $0.parameters["binary_data_output"] = bool(false) }, .unsupported, "raw_output_contents always"),
            ({ $0.outputs[0].parameters["binary_data"] = bool(false) }, .unsupported, "raw_output_contents always"),
            ({ $0.inputs[0].parameters["binary_data_size"] = int(9) }, .invalid, "is 9, but it has 1 bytes"),
        ]
        for (change, kind, words) in cases {
            let error = try error(change)
            #expect(error.kind == kind && error.message.contains(words), "\(error.message)")
        }
    }

    @Test("what says that there is nothing special is taken")
    func plainParameters() throws {
        var request = request("INT8") { $0.intContents = [1, 2] }
        request.parameters = [
            "sequence_id": int(0), "sequence_start": bool(false), "sequence_end": bool(false), "timeout": .init(),
            "binary_data_output": bool(true), "triton_enable_empty_final_response": bool(true),
        ]
        request.inputs[0].parameters["binary_data_size"] = int(2)
        #expect(try InferenceRequest(InferCall(message: request)).inputs[0].bytes == [1, 2])
    }

    @Test("inputs and outputs in shared memory have no contents; the raw ones are those of the others")
    func sharedMemory() throws {
        var request = request("INT8") { _ in }
        request.inputs[0].clearContents()
        request.inputs[0].parameters = [
            "shared_memory_region": text("r"), "shared_memory_byte_size": int(2), "shared_memory_offset": int(64),
        ]
        request.inputs.append(
            .with {
                $0.name = "z"
                $0.datatype = "INT8"
                $0.shape = [1]
            })
        request.outputs = [
            .with {
                $0.name = "y"
                $0.parameters = ["shared_memory_region": text("s"), "shared_memory_byte_size": int(8)]
            },
            .with {
                $0.name = "w"
                $0.parameters = ["classification": int(3)]
            },
        ]
        let read = try InferenceRequest(InferCall(message: request, rawContents: [[7]]))
        #expect(
            read.inputs == [
                .init(
                    name: "x", type: .int8, shape: [2], bytes: [],
                    sharedMemory: .init(region: "r", offset: 64, byteCount: 2)),
                .init(name: "z", type: .int8, shape: [1], bytes: [7]),
            ])
        #expect(
            read.outputs == [
                .init(name: "y", isBinary: true, sharedMemory: .init(region: "s", offset: 0, byteCount: 8)),
                .init(name: "w", isBinary: true, classes: 3),
            ])
        let region: (inout Inference_ModelInferRequest) -> Void = { [self] in
            $0.inputs[0].parameters = ["shared_memory_region": text("r"), "shared_memory_byte_size": int(2)]
        }
        #expect(try error(region).message.contains("both contents and parameter 'shared_memory_region'"))
        let raw = try error(
            {
                region(&$0)
                $0.inputs[0].clearContents()
            }, [[1]])
        #expect(raw.message.contains("0 inputs besides those in shared memory and 1 raw_input_contents"))
        let sizeless = try error { $0.outputs[0].parameters["shared_memory_region"] = text("r") }
        #expect(sizeless.message.contains("output 'y' has 'shared_memory_region', but no 'shared_memory_byte_size'"))
        let both = try error {
            $0.outputs[0].parameters = [
                "shared_memory_region": text("r"), "shared_memory_byte_size": int(1), "classification": int(1),
            ]
        }
        #expect(both.message.contains("as classes, which are not written to shared memory"))
    }

    @Test("an answer in a stream says that it is the last one to its message")
    func finalResponse() {
        let response = InferenceResponse(model: "m", version: "1", id: "7", outputs: [])
        #expect(InferAnswer(response).message.parameters.isEmpty)
        #expect(InferAnswer(response, inStream: true).message.parameters["triton_final_response"]?.boolParam == true)
    }

    @Test("a message cut off or changed anywhere is answered, never a crash", arguments: 0..<40 as Range<UInt64>)
    func mangled(seed: UInt64) throws {
        var generator = SplitMix64(seed: seed)
        var whole = request("FP32") { $0.fp32Contents = [1, 2] }
        whole.inputs.append(
            .with {
                $0.name = "y"
                $0.datatype = "BYTES"
                $0.shape = [1]
                $0.contents.bytesContents = [Data([1, 2, 3])]
            })
        whole.outputs = [.with { $0.name = "z" }]
        whole.rawInputContents = [Data([1, 2, 3, 4]), Data(), Data(repeating: 7, count: 200)]
        whole.parameters["priority"] = .with { $0.int64Param = 2 }
        let bytes: [UInt8] = try whole.serializedBytes()
        for _ in 0..<250 {
            var body = bytes
            for _ in 0..<(1 + generator.next() % 4) where !body.isEmpty {
                let place = Int(generator.next() % UInt64(body.count))
                switch generator.next() % 3 {
                case 0: body[place] = UInt8(truncatingIfNeeded: generator.next())
                case 1: body.remove(at: place)
                default: body.insert(contentsOf: body[place...].prefix(Int(generator.next() % 30)), at: place)
                }
            }
            let call = body.withUnsafeBytes { try? InferCall(serialized: $0) }
            let message = try? Inference_ModelInferRequest(serializedBytes: body)
            // The elements beside the message are those that SwiftProtobuf reads, and so is the rest.
            #expect((call == nil) == (message == nil))
            guard let call, var message else { continue }
            #expect(call.message.rawInputContents.isEmpty)
            #expect(call.rawContents.map { Data($0) } == message.rawInputContents)
            message.rawInputContents = []
            #expect(call.message == message)
            _ = try? InferenceRequest(call)
        }
    }

    @Test("elements behind a group, which only SwiftProtobuf passes over, are the call's too")
    func groups() throws {
        var whole = request("INT8") { _ in }
        whole.rawInputContents = [Data([1])]
        var bytes: [UInt8] = try whole.serializedBytes()
        // Field 99 begins and ends as a group; then comes field 7 with two bytes.
        bytes += [0x9b, 0x06, 0x9c, 0x06, 0x3a, 2, 5, 6]
        let call = try bytes.withUnsafeBytes { try InferCall(serialized: $0) }
        #expect(call.rawContents == [[1], [5, 6]] && call.message.rawInputContents.isEmpty)
    }

    @Test("more inputs than any model has are refused before they take memory", arguments: [[], [0x9b, 6, 0x9c, 6]])
    func countless(before: [UInt8]) throws {
        let limit = InferMessage.fieldLimit
        func read(_ count: Int) throws -> InferCall {
            let bytes = before + (0..<count).flatMap { _ in [0x2a, 0] as [UInt8] }
            return try bytes.withUnsafeBytes { try InferCall(serialized: $0) }
        }
        #expect(try read(limit - 1).message.inputs.count == limit - 1)
        let error = try #require(throws: (any Error).self) { try read(limit + 1) }
        #expect("\(error)".contains("more than \(limit) inputs"))
    }

    @Test("an answer has its elements as bytes, in the order of its outputs")
    func answer() {
        let response = InferenceResponse(
            model: "m", version: "1", id: "7",
            outputs: [
                .init(tensor: .init(name: "a", elementType: .uint8, shape: [2]), bytes: [1, 2], isBinary: true),
                .init(tensor: .init(name: "b", elementType: .bool, shape: []), bytes: [1], isBinary: true),
            ])
        let message = Inference_ModelInferResponse(response)
        #expect(message.id == "7")
        #expect(message.outputs.map(\.datatype) == ["UINT8", "BOOL"] && message.outputs[0].shape == [2])
    }
    @Test("an answer's elements go out as the field that they are")
    func serialised() throws {
        let long = [UInt8](repeating: 3, count: 300)
        let answer = InferAnswer(message: .with { $0.modelName = "m" }, rawContents: [[1, 2], [], long])
        let framed = try answer.framed()
        let read = try Inference_ModelInferResponse(serializedBytes: [UInt8](framed.readableBytesView.dropFirst(5)))
        #expect(read.modelName == "m" && read.rawOutputContents == [Data([1, 2]), Data(), Data(long)])
    }
}
