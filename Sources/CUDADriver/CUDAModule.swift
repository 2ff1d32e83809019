import CCUDADriver

/// Kernels in PTX, compiled by the driver for the device at hand.
package final class CUDAModule: Sendable {
    /// The context of the kernels.
    package let context: CUDAContext

    let handle: CUDAHandle

    /// What a text of PTX begins with. Drivers drop targets that have become old, and old ones do not know new targets.
    static func header(computeCapability: CUDAVersion) -> String {
        computeCapability < CUDAVersion(major: 7, minor: 5)
            ? ".version 6.0\n.target sm_60" : ".version 6.3\n.target sm_75"
    }

    /// Compiles kernels.
    ///
    /// - Throws: ``CUDAError``, whose text holds what the compiler said.
    package init(context: CUDAContext, ptx: String) throws(CUDAError) {
        try context.makeCurrent()
        let library = context.library
        let capacity = 8192
        var log = [CChar](repeating: 0, count: capacity)
        var options: [Int32] = [Int32(DARIS_CUDA_JIT_ERROR_LOG), Int32(DARIS_CUDA_JIT_ERROR_LOG_BYTES)]
        var pointer: OpaquePointer?
        let result = log.withUnsafeMutableBufferPointer { log in
            // Numbers among the options travel as pointers.
            var values: [UnsafeMutableRawPointer?] = [
                UnsafeMutableRawPointer(log.baseAddress), UnsafeMutableRawPointer(bitPattern: log.count),
            ]
            return ptx.withCString {
                library.functions.load_module(&pointer, $0, UInt32(options.count), &options, &values)
            }
        }
        guard result == DARIS_CUDA_SUCCESS, let pointer else {
            var error = library.failure(
                result == DARIS_CUDA_SUCCESS ? DarisCudaResult(DARIS_CUDA_INVALID_PTX) : result, "cuModuleLoadDataEx",
                "compiling a kernel")
            log[capacity - 1] = 0
            let said = String(terminated: log).split(separator: "\n").joined(separator: "; ")
            if !said.isEmpty { error.text += error.text.isEmpty ? said : ": " + said }
            throw error
        }
        self.context = context
        handle = CUDAHandle(pointer, in: context, release: library.functions.unload_module)
    }

    /// A kernel by its name.
    package func function(_ name: String) throws(CUDAError) -> CUDAFunction {
        try context.makeCurrent()
        var pointer: OpaquePointer?
        let result = name.withCString { context.library.functions.module_function(&pointer, handle.pointer, $0) }
        guard result == DARIS_CUDA_SUCCESS, let pointer else {
            throw context.library.failure(
                result == DARIS_CUDA_SUCCESS ? DarisCudaResult(DARIS_CUDA_NOT_FOUND) : result, "cuModuleGetFunction",
                "finding the kernel '\(name)'")
        }
        return CUDAFunction(pointer, module: self)
    }
}
