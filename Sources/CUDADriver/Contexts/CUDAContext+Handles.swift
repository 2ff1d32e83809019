import CCUDADriver

extension CUDAContext {
    /// Takes over the object that `create` makes.
    func make(
        _ call: StaticString, _ purpose: StaticString, release: @escaping CUDAHandle.Release,
        keeping owner: (any AnyObject & Sendable)? = nil,
        _ create: (UnsafeMutablePointer<OpaquePointer?>) -> DarisCudaResult
    ) throws(CUDAError) -> CUDAHandle {
        var pointer: OpaquePointer?
        try library.check(create(&pointer), call, purpose)
        guard let pointer else {
            throw library.failure(DarisCudaResult(DARIS_CUDA_INVALID_HANDLE), call, purpose.description)
        }
        return CUDAHandle(pointer, in: self, release: release, keeping: owner)
    }
}
