/// A kernel that finds the SMs on which a stream's work runs, to prove what a green context promises.
///
/// ```swift
/// let map = try SMMap(context: context)
/// let multiprocessors = try map.multiprocessors(of: stream)
/// ```
package final class SMMap: Sendable {
    /// Each block writes the number of its SM, after enough cycles that every SM of the stream gets blocks.
    static func ptx(computeCapability: CUDAVersion) -> String {
        CUDAModule.header(computeCapability: computeCapability) + """

            .address_size 64

            .visible .entry daris_sm_map(.param .u64 seen, .param .u64 cycles)
            {
                .reg .pred %waits, %quiet;
                .reg .b32 %thread, %block, %sm;
                .reg .b64 %out, %least, %start, %now, %spent, %offset;

                ld.param.u64 %out, [seen];
                ld.param.u64 %least, [cycles];
                mov.u64 %start, %clock64;
            SPIN:
                mov.u64 %now, %clock64;
                sub.u64 %spent, %now, %start;
                setp.lt.u64 %waits, %spent, %least;
                @%waits bra SPIN;
                mov.u32 %thread, %tid.x;
                setp.ne.u32 %quiet, %thread, 0;
                @%quiet bra DONE;
                mov.u32 %sm, %smid;
                mov.u32 %block, %ctaid.x;
                cvta.to.global.u64 %out, %out;
                mul.wide.u32 %offset, %block, 4;
                add.u64 %out, %out, %offset;
                st.global.u32 [%out], %sm;
            DONE:
                ret;
            }
            """
    }

    /// The kernel's name.
    static let kernelName = "daris_sm_map"
    /// The cycles that each block keeps its SM: about a third of a millisecond.
    static let cycles: UInt64 = 500_000
    /// The blocks for each SM of the device. They have so many threads that an SM holds at most two at once.
    static let blocksPerMultiprocessor = 4
    /// Threads of a block.
    static let threads = 1_024

    /// The context of the kernel.
    package let context: CUDAContext

    private let kernel: CUDAFunction
    private let seen: DeviceMemory
    private let numbers: PinnedMemory

    /// Compiles the kernel and allocates what it writes.
    package init(context: CUDAContext) throws(CUDAError) {
        let module = try CUDAModule(
            context: context, ptx: Self.ptx(computeCapability: context.device.computeCapability))
        kernel = try module.function(Self.kernelName)
        let byteCount = 4 * Self.blocksPerMultiprocessor * context.device.multiprocessorCount
        seen = try DeviceMemory(context: context, byteCount: byteCount)
        numbers = try PinnedMemory(context: context, byteCount: byteCount)
        self.context = context
    }

    /// The numbers of the SMs on which work of `stream` runs, ascending. It takes a few milliseconds, in which nothing
    /// else should use these SMs. One thread at a time may call it.
    package func multiprocessors(of stream: CUDAStream) throws(CUDAError) -> [Int] {
        try context.makeCurrent()
        try stream.fill(seen, with: 0xff)
        try kernel.launch(
            grid: CUDAFunction.Size(Self.blocksPerMultiprocessor * context.device.multiprocessorCount),
            block: CUDAFunction.Size(Self.threads),
            arguments: [UInt64(UInt(bitPattern: seen.address)), Self.cycles], on: stream)
        try stream.copy(from: seen, to: numbers)
        try stream.synchronize()
        let found = numbers.bytes.bindMemory(to: UInt32.self)
        return Set(found.filter { $0 != .max }.map(Int.init)).sorted()
    }
}
