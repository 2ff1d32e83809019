import DarisCore
import DarisRuntime
import ONNXRuntime
import Testing

@testable import DarisServer

@Suite("Parameters of inference requests")
struct RequestParametersTests {
    private func decode(_ text: String, behind: [UInt8] = []) throws(InferenceError) -> InferenceRequest {
        try (Array(text.utf8) + behind).withUnsafeBufferPointer { bytes throws(InferenceError) in
            let bytes = UnsafeRawBufferPointer(bytes)
            return try RequestDecoding.request(
                try RequestDecoding.header(bytes, length: text.utf8.count), bytes, model: "m", version: nil)
        }
    }

    private func urgency(_ text: String) throws(InferenceError) -> (priority: Int?, timeout: Nanoseconds?) {
        try Array(text.utf8).withUnsafeBufferPointer { bytes throws(InferenceError) in
            try RequestDecoding.urgency(UnsafeRawBufferPointer(bytes))
        }
    }

    private func request(_ parameters: String) -> String { #"{"inputs":[],"parameters":{\#(parameters)}}"# }

    private func input(_ parameters: String, _ more: String = "") -> String {
        #"{"inputs":[{"name":"x","datatype":"UINT8","shape":[1],"parameters":{\#(parameters)}\#(more)}]}"#
    }

    private func output(_ parameters: String) -> String {
        #"{"inputs":[],"outputs":[{"name":"y","parameters":{\#(parameters)}}]}"#
    }

    @Test(
        "a parameter that is not known is refused by name",
        arguments: [
            (#"{"inputs":[],"parameters":{"timeout_ms":5}}"#, "parameter 'timeout_ms' of the request is not known"),
            (
                #"{"inputs":[],"parameters":{"headers":{}}}"#,
                "'binary_data_output', 'priority', 'timeout', 'triton_enable"
            ),
            (#"{"inputs":[],"parameters":{"binary_data":true}}"#, "parameter 'binary_data' of the request"),
            (
                #"{"inputs":[{"name":"x","datatype":"INT8","shape":[1],"data":[1],"parameters":{"content_type":"np"}}]}"#,
                "parameter 'content_type' of input 'x' is not known; those known there are 'binary_data_size'"
            ),
            (#"{"inputs":[{"parameters":{"priority":1}}]}"#, "parameter 'priority' of inputs[0]"),
            (
                #"{"inputs":[],"outputs":[{"name":"y","parameters":{"binary_data_size":1}}]}"#,
                "parameter 'binary_data_size' of output 'y' is not known; those known there are 'binary_data'"
            ),
            (#"{"inputs":[],"outputs":[{"parameters":{"top_k":1}}]}"#, "parameter 'top_k' of outputs[0]"),
            (#"{"inputs":[],"trace":1}"#, "the request has 'trace', which is not known; it may have 'id'"),
            (#"{"inputs":[{"name":"x","dtype":"FP32"}]}"#, "input 'x' has 'dtype', which is not known"),
            (#"{"inputs":[],"outputs":[{"name":"y","data":[]}]}"#, "output 'y' has 'data', which is not known"),
        ])
    func unknown(text: String, words: String) throws {
        let error = try #require(throws: InferenceError.self) { try decode(text) }
        #expect(error.kind == .invalid && error.message.contains(words), "\(error.message)")
    }

    @Test(
        "a parameter of the wrong type is refused by name",
        arguments: [
            (#"{"inputs":[],"parameters":{"priority":"high"}}"#, "parameter 'priority' of the request must be a whole"),
            (#"{"inputs":[],"parameters":{"priority":1.5}}"#, "parameter 'priority' of the request must be a whole"),
            (#"{"inputs":[],"parameters":{"priority":-1}}"#, "parameter 'priority' of the request is -1"),
            (#"{"inputs":[],"parameters":{"timeout":true}}"#, "parameter 'timeout' of the request must be a whole"),
            (#"{"inputs":[],"parameters":{"timeout":""}}"#, "parameter 'timeout' of the request must be a whole"),
            (#"{"inputs":[],"parameters":{"timeout":99999999999999999999}}"#, "'timeout' is 9223372036854775807"),
            (
                #"{"inputs":[],"parameters":{"binary_data_output":1}}"#,
                "'binary_data_output' of the request must be true"
            ),
            (#"{"inputs":[],"parameters":[]}"#, "'parameters' of the request must be an object"),
            (#"{"inputs":[],"parameters":{"priority":1,"priority":1}}"#, "'priority' is there twice"),
            (
                #"{"inputs":[{"name":"x","parameters":{"binary_data_size":"1"}}]}"#,
                "of input 'x' must be a whole number"
            ),
            (#"{"inputs":[{"name":"x","parameters":{"shared_memory_region":1}}]}"#, "of input 'x' must be a string"),
            (#"{"inputs":[],"outputs":[{"name":"y","parameters":{"binary_data":0}}]}"#, "of output 'y' must be true"),
            (#"{"inputs":[],"outputs":[{"name":"y","parameters":{"classification":-1}}]}"#, "of output 'y' is -1"),
        ])
    func wrongType(text: String, words: String) throws {
        let error = try #require(throws: InferenceError.self) { try decode(text) }
        #expect(error.kind == .invalid && error.message.contains(words), "\(error.message)")
    }

    @Test(
        "sequences are refused, unless there is none",
        arguments: [
            (#""sequence_id":0"#, true), (#""sequence_id":"""#, true), (#""sequence_start":false"#, true),
            (#""sequence_end":false,"sequence_id":0"#, true), (#""sequence_id":5"#, false),
            (#""sequence_id":"a""#, false), (#""sequence_start":true"#, false), (#""sequence_end":1"#, false),
            (#""sequence_other":0"#, false),
        ])
    func sequences(parameters: String, isTaken: Bool) throws {
        guard !isTaken else {
            _ = try decode(request(parameters))
            return
        }
        let error = try #require(throws: InferenceError.self) { try decode(request(parameters)) }
        #expect(error.kind == .unsupported && error.message.contains("stateful sequences are not supported"))
    }

    @Test("whether an empty last answer is wanted changes nothing: there is one answer, and it is the last")
    func end() throws {
        for value in ["true", "false", "null"] {
            #expect(throws: Never.self) { try decode(request(#""triton_enable_empty_final_response":\#(value)"#)) }
        }
        #expect(throws: InferenceError.self) { try decode(request(#""triton_enable_empty_final_response":1"#)) }
    }

    @Test("urgency is read from numbers and from strings of digits")
    func numbers() throws {
        let request = try decode(request(#""priority":"2","timeout":"2500""#))
        #expect(request.priority == 2 && request.timeout == .microseconds(2_500))
        #expect(try decode(self.request(#""priority":18446744073709551615"#)).priority == .max)
        #expect(try decode(self.request(#""priority":null,"timeout":0"#)).timeout == nil)
    }

    @Test("inputs and outputs may be in shared memory, without elements here")
    func sharedMemory() throws {
        let place = #""shared_memory_region":"r","shared_memory_offset":64,"shared_memory_byte_size":1"#
        let inputs = try decode(input(place)).inputs
        #expect(
            inputs == [
                .init(
                    name: "x", type: .uint8, shape: [1], bytes: [],
                    sharedMemory: .init(region: "r", offset: 64, byteCount: 1))
            ])
        let outputs = try decode(
            output(#""binary_data":false,"shared_memory_region":"r","shared_memory_byte_size":8"#)
        ).outputs
        #expect(
            outputs == [
                .init(name: "y", isBinary: false, sharedMemory: .init(region: "r", offset: 0, byteCount: 8))
            ])
        for (text, words) in [
            (input(place, #","data":[1]"#), "has both 'data' and parameter 'shared_memory_region'"),
            (input(place + #","binary_data_size":0"#), "'binary_data_size' and parameter 'shared_memory_region'"),
            (input(#""shared_memory_region":"r""#), "but no 'shared_memory_byte_size'"),
            (input(#""shared_memory_byte_size":1"#), "but no 'shared_memory_region'"),
            (output(#""shared_memory_offset":1"#), "output 'y' has a part of shared memory"),
            (input(#""shared_memory_offset":-1,"# + #""shared_memory_region":"r""#), "is -1, not from 0 up"),
            (output(place + #","classification":3"#), "as classes, which are not written to shared memory"),
        ] {
            let error = try #require(throws: InferenceError.self) { try decode(text) }
            #expect(error.kind == .invalid && error.message.contains(words), "\(error.message)")
        }
    }

    @Test("classes are asked for by their number")
    func classes() throws {
        #expect(
            try decode(output(#""classification":3,"binary_data":true"#)).outputs == [
                .init(name: "y", isBinary: true, classes: 3)
            ])
        #expect(try decode(output(#""classification":0"#)).outputs == [.init(name: "y", isBinary: false)])
    }

    @Test("what clients send besides is taken")
    func clients() throws {
        // As KServe's client writes it.
        let text = #"""
            {"id":"a","model_name":"m","inputs":[{"name":"x","shape":[1],"datatype":"UINT8","data":null,
            "parameters":{"binary_data_size":1}}],"outputs":null,"parameters":{"binary_data_output":true}}
            """#
        let request = try decode(text, behind: [7])
        #expect(request.id == "a" && request.inputs.map(\.bytes) == [[7]] && request.wantsBinary)
        let error = try #require(throws: InferenceError.self) { try decode(#"{"model_name":"n","inputs":[]}"#) }
        #expect(error.message == "the request was sent to model 'm', but its 'model_name' is 'n'")
    }

    @Test("how urgent a request is, before its tensors are read")
    func urgency() throws {
        let tensor = #"{"name":"x","datatype":"FP32","shape":[2],"data":[NaN,-Infinity,"]}\"",{"parameters":{}}]}"#
        for text in [
            #"{"parameters":{"priority":1,"timeout":5},"inputs":[\#(tensor)]}"#,
            #" { "inputs" : [\#(tensor)] , "id":"\"parameters\":{", "parameters" : {"timeout":5, "priority":1} } "#,
            #"{"p\u0061rameters":{"priority":1,"timeout":5}}"#,
        ] {
            let found = try urgency(text)
            #expect(found.priority == 1 && found.timeout == .microseconds(5), "\(text)")
        }
        // Whole or broken, there are none; what is wrong is said when it is read.
        for text in [
            "", "[]", "{}", "{", #"{"inputs":[1,2"#, #"{"inputs":[}"#, #"{"id":"x"}"#, #"{"parameters":null}"#,
            #"{"inputs":[{"parameters":{"priority":1}}]}"#, #"{"id":"parameters","a""#, #"{"id":"\"#, "{\"a\":]",
        ] {
            let found = try urgency(text)
            #expect(found.priority == nil && found.timeout == nil, "\(text)")
        }
        #expect(throws: InferenceError.self) { try urgency(request(#""timeout":-1"#)) }
        #expect(throws: InferenceError.self) { try urgency(request(#""unknown":1"#)) }
    }

    @Test("a body without JSON is the model's only input")
    func raw() {
        let body: [UInt8] = [1, 2, 3, 4]
        let numbers = body.withUnsafeBytes {
            RequestDecoding.raw(
                $0, input: .init(name: "x", elementType: .uint16, shape: [1, 2]), model: "m", version: "1")
        }
        #expect(numbers.inputs == [.init(name: "x", type: .uint16, shape: [1, 2], bytes: body)])
        #expect(numbers.model == "m" && numbers.version == "1" && numbers.wantsBinary && numbers.outputs.isEmpty)
        let strings = body.withUnsafeBytes {
            RequestDecoding.raw($0, input: .init(name: "x", elementType: .string, shape: [1]), model: "m", version: nil)
        }
        #expect(strings.inputs[0].bytes == [4, 0, 0, 0, 1, 2, 3, 4])
    }
}
