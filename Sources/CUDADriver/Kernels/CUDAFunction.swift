import CCUDADriver

/// A kernel, which keeps its module loaded.
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

    /// Puts a run of the kernel on a stream.
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
