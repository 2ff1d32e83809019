import CONNXRuntime

extension Tensor {
    /// Takes over the values that a run made. If one of them cannot be used, all are released.
    ///
    /// - Parameters:
    ///   - values: The values, in the order of `names`.
    ///   - names: The outputs that they are.
    ///   - session: The session that made them; its memory may be theirs, so they keep it alive.
    ///   - memory: The memory of the value at an index.
    static func take(
        _ values: [OpaquePointer?], names: [String], from session: Session, memory: (Int) -> MemoryInfo
    ) throws(ONNXRuntimeError) -> [Tensor] {
        var tensors: [Tensor] = []
        var failure: ONNXRuntimeError?
        for (index, value) in values.enumerated() {
            let name = index < names.count ? names[index] : "output \(index)"
            guard let value else {
                failure = .unsupportedValue(name: name, subject: session.subject, reason: "the run gave no value")
                continue
            }
            let handle = Handle(
                value, api: session.handle.api, release: daris_ort_release_value, keeping: [session])
            do throws(ONNXRuntimeError) {
                tensors.append(try Tensor(taking: handle, in: memory(index), name: name))
            } catch {
                failure = error
            }
        }
        if let failure { throw failure }
        return tensors
    }
}
