import CCUDADriver

/// Kernels in PTX, compiled by the driver for the device of the context.
package final class CUDAModule: Sendable {
    /// The context of the kernels.
    package let context: CUDAContext

    let handle: CUDAHandle

    /// The first lines of a PTX text. New drivers drop old targets, and old drivers do not know new ones.
    static func header(computeCapability: CUDAVersion) -> String {
        computeCapability < CUDAVersion(major: 7, minor: 5)
            ? ".version 6.0\n.target sm_60" : ".version 6.3\n.target sm_75"
    }

    /// Compiles kernels.
    ///
    /// - Throws: ``CUDAError``, whose text holds the compiler's messages.
    package init(context: CUDAContext, ptx: String) throws(CUDAError) {
        try context.makeCurrent()
        let library = context.library
        let capacity = 8192
        var log = [CChar](repeating: 0, count: capacity)
        var options: [Int32] = [Int32(DARIS_CUDA_JIT_ERROR_LOG), Int32(DARIS_CUDA_JIT_ERROR_LOG_BYTES)]
        var pointer: OpaquePointer?
        let result = log.withUnsafeMutableBufferPointer { log in
            // Numeric options are passed as pointers.
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

/// A kernel. It keeps its module loaded.
package final class CUDAFunction: Sendable {
    /// The size of a grid or of a block, each at least 1.
    package struct Size: Hashable, Sendable {
        /// The size along x.
        package var x: Int
        /// The size along y.
        package var y: Int
        /// The size along z.
        package var z: Int

        /// A size along three axes.
        package init(_ x: Int, _ y: Int = 1, _ z: Int = 1) {
            self.x = x
            self.y = y
            self.z = z
        }
    }

    private nonisolated(unsafe) let pointer: OpaquePointer
    private let module: CUDAModule

    init(_ pointer: OpaquePointer, module: CUDAModule) {
        self.pointer = pointer
        self.module = module
    }

    /// Enqueues a run of the kernel.
    ///
    /// - Parameters:
    ///   - grid: The number of blocks.
    ///   - block: The number of threads in each block.
    ///   - arguments: The kernel's parameters, all of 64 bits: addresses and integers.
    package func launch(
        grid: Size, block: Size, arguments: [UInt64], on stream: CUDAStream
    ) throws(CUDAError) {
        let library = module.context.library
        var values = arguments
        let result = values.withUnsafeMutableBufferPointer { values in
            var pointers: [UnsafeMutableRawPointer?] = values.indices.map { index in
                values.baseAddress.map { UnsafeMutableRawPointer($0 + index) }
            }
            return library.functions.launch_kernel(
                pointer, UInt32(grid.x), UInt32(grid.y), UInt32(grid.z), UInt32(block.x), UInt32(block.y),
                UInt32(block.z), 0, stream.handle.pointer, &pointers, nil)
        }
        try library.check(result, "cuLaunchKernel", "launching a kernel")
    }
}
