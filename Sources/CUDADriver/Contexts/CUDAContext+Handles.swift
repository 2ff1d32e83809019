import CCUDADriver

extension CUDAContext {
    /// The object that `create` makes, owned from then on.
    func make(
        _ call: StaticString, _ purpose: StaticString, release: @escaping CUDAHandle.Release,
        keeping owner: (any AnyObject & Sendable)? = nil,
        _ create: (UnsafeMutablePointer<OpaquePointer?>) -> DarisCudaResult
    ) throws(CUDAError) -> CUDAHandle {
        CUDAHandle(try take(call, purpose, create), in: self, release: release, keeping: owner)
    }

    /// The object that `create` makes, which the caller must release.
    func take(
        _ call: StaticString, _ purpose: StaticString,
        _ create: (UnsafeMutablePointer<OpaquePointer?>) -> DarisCudaResult
    ) throws(CUDAError) -> OpaquePointer {
        var pointer: OpaquePointer?
        try library.check(create(&pointer), call, purpose)
        guard let pointer else {
            throw library.failure(DarisCudaResult(DARIS_CUDA_INVALID_HANDLE), call, purpose.description)
        }
        return pointer
    }
}
