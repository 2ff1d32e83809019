import DarisRuntime
import ONNXRuntime

/// Requests and answers in JSON, read and written as the server does, without a server around it: for programs that measure
/// that.
package enum CodecTrial {
    /// Reads an inference request.
    ///
    /// - Returns: the elements of its inputs, or what a client would have been told.
    package static func read(_ body: [UInt8]) -> Result<[[UInt8]], TrialError> {
        // Of `withUnsafeBytes` an array has another, which forgets what is thrown.
        body.withUnsafeBufferPointer { bytes in
            let bytes = UnsafeRawBufferPointer(bytes)
            do throws(InferenceError) {
                let header = try RequestDecoding.header(bytes, length: nil)
                let request = try RequestDecoding.request(header, bytes, model: "m", version: nil)
                return .success(request.inputs.map(\.bytes))
            } catch {
                return .failure(TrialError(message: error.message))
            }
        }
    }

    /// Finds how urgent an inference request is.
    package static func findUrgency(_ body: [UInt8]) {
        body.withUnsafeBytes { _ = try? RequestDecoding.urgency($0) }
    }

    /// Writes an answer of one output.
    ///
    /// - Returns: the bytes of it, or what a client would have been told.
    package static func write(_ elements: [UInt8], type: ElementType, count: Int) -> Result<Int, TrialError> {
        let output = InferenceResponse.Output(
            tensor: .init(name: "y", elementType: type, shape: [count]), bytes: elements, isBinary: false)
        do throws(InferenceError) {
            let response = InferenceResponse(model: "m", version: "1", id: nil, outputs: [output])
            return .success(try ResponseEncoding.body(response).bytes.count)
        } catch {
            return .failure(TrialError(message: error.message))
        }
    }

    package struct TrialError: Error {
        package let message: String
    }
}
