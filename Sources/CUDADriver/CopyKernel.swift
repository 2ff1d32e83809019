/// A kernel that copies many pieces of memory at once, by a table that may change between launches of the same graph.
///
/// A copy by the driver costs the host and the stream some microseconds each. One kernel costs that once for all
/// copies, and within a graph nothing. Device memory and pinned host memory may be copied in any direction.
///
/// ```swift
/// let kernel = try CopyKernel(context: context)
/// let table = try CopyTable(context: context, capacity: 2)
/// table.set(0, to: .init(source: input.address, target: lane.address, byteCount: 4096))
/// try table.upload(1, on: stream)
/// try kernel.launch(table, 0..<1, largest: 4096, on: stream)
/// ```
package final class CopyKernel: Sendable {
    static let kernelName = "daris_copy"
    /// Threads of a block.
    static let threads = 512
    /// The fewest bytes for each block of a copy with more than one.
    static let bytesPerBlock = 16_384
    /// The limit of blocks for one copy. With that of a launch it is enough to use the full memory bandwidth, and
    /// leaves most SMs to other work.
    static let blocksPerCopy = 32
    /// The limit of blocks for all copies of a launch, where each has at least one.
    static let blocksPerLaunch = 256

    /// A row of blocks copies one entry of the table: 16 bytes a thread at a time if the entry is aligned so, else 4,
    /// else 1.
    static func ptx(computeCapability: CUDAVersion) -> String {
        CUDAModule.header(computeCapability: computeCapability) + """

            .address_size 64

            .visible .entry daris_copy(.param .u64 table)
            {
                .reg .pred %is_odd, %is_over;
                .reg .b32 %thread, %threads, %block, %blocks, %entry, %w0, %w1, %w2, %w3;
                .reg .b16 %byte;
                .reg .b64 %row, %source, %target, %count, %all, %low, %at, %step, %threads_all, %first, %from, %to, %wide;

                ld.param.u64 %row, [table];
                cvta.to.global.u64 %row, %row;
                mov.u32 %entry, %ctaid.y;
                mul.wide.u32 %wide, %entry, 32;
                add.u64 %row, %row, %wide;
                ld.global.v2.u64 {%source, %target}, [%row];
                ld.global.u64 %count, [%row+16];
                cvta.to.global.u64 %source, %source;
                cvta.to.global.u64 %target, %target;

                mov.u32 %thread, %tid.x;
                mov.u32 %threads, %ntid.x;
                mov.u32 %block, %ctaid.x;
                mov.u32 %blocks, %nctaid.x;
                mul.wide.u32 %first, %block, %threads;
                cvt.u64.u32 %wide, %thread;
                add.u64 %first, %first, %wide;
                mul.wide.u32 %threads_all, %blocks, %threads;

                or.b64 %all, %source, %target;
                or.b64 %all, %all, %count;
            \(loop("16", next: "4", shift: 4, type: "v4.u32", registers: "{%w0, %w1, %w2, %w3}"))
            \(loop("4", next: "1", shift: 2, type: "u32", registers: "%w0"))
            \(loop("1", next: "DONE", shift: 0, type: "u8", registers: "%byte"))
            DONE:
                ret;
            }
            """
    }

    /// Copies `1 << shift` bytes a thread at a time; continues with the next loop if the entry is not aligned so.
    private static func loop(_ name: String, next: String, shift: Int, type: String, registers: String) -> String {
        """
            BYTES_\(name):
                and.b64 %low, %all, \(1 << shift - 1);
                setp.ne.u64 %is_odd, %low, 0;
                @%is_odd bra \(next == "DONE" ? next : "BYTES_\(next)");
                shl.b64 %at, %first, \(shift);
                shl.b64 %step, %threads_all, \(shift);
            NEXT_\(name):
                setp.ge.u64 %is_over, %at, %count;
                @%is_over bra DONE;
                add.u64 %from, %source, %at;
                add.u64 %to, %target, %at;
                ld.global.\(type) \(registers), [%from];
                st.global.\(type) [%to], \(registers);
                add.u64 %at, %at, %step;
                bra NEXT_\(name);
        """
    }

    private let kernel: CUDAFunction

    /// Compiles the kernel.
    package init(context: CUDAContext) throws(CUDAError) {
        let module = try CUDAModule(
            context: context, ptx: Self.ptx(computeCapability: context.device.computeCapability))
        kernel = try module.function(Self.kernelName)
    }

    /// The number of blocks for each copy.
    static func blocks(copies: Int, largest: Int) -> Int {
        max(1, min((largest + bytesPerBlock - 1) / bytesPerBlock, blocksPerCopy, blocksPerLaunch / copies))
    }

    /// Enqueues the copies of some entries, as last uploaded on the stream. A captured launch uses the entries of the
    /// time when its graph is launched; the table must live as long as the graph.
    ///
    /// - Parameters:
    ///   - entries: The entries, at least one.
    ///   - largest: The bytes of the largest copy, which decide the number of blocks.
    package func launch(
        _ table: CopyTable, _ entries: Range<Int>, largest: Int, on stream: CUDAStream
    ) throws(CUDAError) {
        precondition(!entries.isEmpty && entries.upperBound <= table.capacity, "a launch has entries of its table")
        let start = UInt(bitPattern: table.device.address) + UInt(entries.lowerBound * CopyTable.stride)
        try kernel.launch(
            grid: .init(Self.blocks(copies: entries.count, largest: largest), entries.count),
            block: .init(Self.threads), arguments: [UInt64(start)], on: stream)
    }
}

/// The copies of a ``CopyKernel``. The host may change entries while no work that uses them is in progress.
///
/// The kernel reads the table from device memory. From host memory, thousands of threads would read the same few bytes
/// over the bus, one after another: on an H200 that took 2 ms a launch.
package final class CopyTable: Sendable {
    /// One copy.
    package struct Entry {
        /// The source: device memory or pinned host memory.
        package var source: UnsafeRawPointer
        /// The target: device memory or pinned host memory.
        package var target: UnsafeMutableRawPointer
        /// The number of bytes.
        package var byteCount: Int

        /// A copy of `byteCount` bytes.
        package init(source: UnsafeRawPointer, target: UnsafeMutableRawPointer, byteCount: Int) {
            self.source = source
            self.target = target
            self.byteCount = byteCount
        }
    }

    /// The bytes from one entry to the next.
    static let stride = 32

    /// The number of entries.
    package let capacity: Int
    private let host: PinnedMemory
    let device: DeviceMemory

    /// A table of at least one entry, whose content is undefined at first.
    package init(context: CUDAContext, capacity: Int) throws(CUDAError) {
        precondition(capacity >= 1, "a table has at least one entry")
        self.capacity = capacity
        host = try PinnedMemory(context: context, byteCount: capacity * Self.stride)
        device = try DeviceMemory(context: context, byteCount: capacity * Self.stride)
    }

    /// Enqueues an upload of the first entries, for the launches that follow on the stream. A captured upload uses the
    /// entries of the time when its graph is launched.
    package func upload(_ count: Int, on stream: CUDAStream) throws(CUDAError) {
        try stream.copy(from: host, to: device, byteCount: count * Self.stride)
    }

    /// Sets an entry.
    package func set(_ index: Int, to entry: Entry) {
        precondition((0..<capacity).contains(index), "an entry is in its table")
        let row = host.address + index * Self.stride
        row.storeBytes(of: UInt64(UInt(bitPattern: entry.source)), as: UInt64.self)
        row.storeBytes(of: UInt64(UInt(bitPattern: entry.target)), toByteOffset: 8, as: UInt64.self)
        row.storeBytes(of: UInt64(entry.byteCount), toByteOffset: 16, as: UInt64.self)
    }
}
