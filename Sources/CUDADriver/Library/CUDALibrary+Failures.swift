import CCUDADriver
import Glibc

extension CUDALibrary {
    /// Throws if `result` is not success. Nothing is allocated on success.
    ///
    /// - Parameters:
    ///   - call: The driver's name of the call.
    ///   - purpose: What was being done, for the message.
    @inline(__always)
    func check(_ result: DarisCudaResult, _ call: StaticString, _ purpose: StaticString) throws(CUDAError) {
        if result != 0 { throw failure(result, call, purpose.description) }
    }

    /// The result of a call that is made again, ten times a second, while an MPS server is not ready.
    static func ask(_ patience: Duration, _ call: () -> DarisCudaResult) -> DarisCudaResult {
        let end = ContinuousClock.now + patience
        while true {
            let result = call()
            guard result == DARIS_CUDA_MPS_SERVER_NOT_READY, ContinuousClock.now < end else { return result }
            usleep(100_000)
        }
    }

    /// The error for a result of the driver.
    @inline(never)
    func failure(_ result: DarisCudaResult, _ call: StaticString, _ purpose: String) -> CUDAError {
        Self.failure(result, call, purpose, functions)
    }

    /// The error for a result, with CUDA's own name and text for it.
    static func failure(
        _ result: DarisCudaResult, _ call: StaticString, _ purpose: String, _ functions: DarisCuda
    ) -> CUDAError {
        var name: UnsafePointer<CChar>?
        var text: UnsafePointer<CChar>?
        // Left nil for a number that the driver does not know.
        _ = functions.error_name(result, &name)
        _ = functions.error_text(result, &text)
        return CUDAError(
            kind: .callFailed, call: call.description, number: Int(result),
            name: name.map { String(cString: $0) } ?? "", text: text.map { String(cString: $0) } ?? "",
            purpose: purpose, advice: CUDAError.advice(for: Int(result)))
    }
}
