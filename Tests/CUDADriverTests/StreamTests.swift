import FakeDriver
import Foundation
import Testing

@testable import CUDADriver

@Suite("Streams and events")
struct StreamTests {
    @Test("copies and fills are done in order, and bytes arrive")
    func copies() throws {
        let fake = try FakeDriver()
        do {
            let context = try fake.context()
            let stream = try CUDAStream(context: context, priority: -1)
            let first = try DeviceMemory(context: context, byteCount: 8)
            let second = try DeviceMemory(context: context, byteCount: 8)
            let source = try PinnedMemory(context: context, byteCount: 8)
            let target = try PinnedMemory(context: context, byteCount: 8)
            for index in 0..<8 { source.bytes[index] = UInt8(index) }
            try stream.copy(from: source, to: first)
            try stream.copy(from: first, to: second)
            try stream.fill(device: second.address, with: 0xee, byteCount: 2)
            try stream.copy(from: second, to: target)
            try stream.synchronize()
            #expect(try stream.isIdle)
            #expect(Array(target.bytes) == [0xee, 0xee, 2, 3, 4, 5, 6, 7])
            #expect(stream.priority == -1 && stream.greenContext == nil)
        }
        fake.expectClean()
    }

    @Test("a stream is busy until its work is done")
    func idle() throws {
        let fake = try FakeDriver()
        fake.setManual()
        let context = try fake.context()
        let stream = try CUDAStream(context: context)
        let memory = try DeviceMemory(context: context, byteCount: 1)
        #expect(try stream.isIdle)
        try stream.fill(memory)
        #expect(try !stream.isIdle)
        #expect(fake.advance() == 1)
        #expect(try stream.isIdle)
    }

    @Test("an event is done when what was recorded is, and times are of the device")
    func events() throws {
        let fake = try FakeDriver()
        fake.setManual()
        do {
            let context = try fake.context()
            let stream = try CUDAStream(context: context)
            let memory = try DeviceMemory(context: context, byteCount: 10_000)
            let start = try CUDAEvent(context: context)
            let stop = try CUDAEvent(context: context)
            #expect(try start.isDone, "nothing was recorded")
            try start.record(on: stream)
            try stream.fill(memory)
            try stop.record(on: stream)
            fake.advance(2)
            #expect(try start.isDone)
            #expect(try !stop.isDone)
            #expect(errorOf { try stop.seconds(since: start) }?.number == 600)
            try stop.synchronize()
            #expect(try stop.isDone)
            #expect(abs(try stop.seconds(since: start) - 2e-6) < 1e-12)
        }
        fake.expectClean()
    }

    @Test("a stream waits for another one's event")
    func wait() throws {
        let fake = try FakeDriver()
        fake.setManual()
        do {
            let context = try fake.context()
            let first = try CUDAStream(context: context)
            let second = try CUDAStream(context: context)
            let memory = try DeviceMemory(context: context, byteCount: 4)
            let event = try CUDAEvent(context: context, timing: false)
            try first.fill(memory, with: 1)
            try event.record(on: first)
            try second.wait(for: event)
            try second.fill(memory, with: 2)
            #expect(fake.advance(second) == 0)
            try second.synchronize()
            #expect(try first.isIdle)
            let target = try PinnedMemory(context: context, byteCount: 4)
            try second.copy(from: memory, to: target)
            try second.synchronize()
            #expect(Array(target.bytes) == [2, 2, 2, 2])
        }
        fake.expectClean()
    }

    @Test("a host function is called once, when the work before it is done, and is released")
    func hostFunction() throws {
        let fake = try FakeDriver()
        fake.setManual()
        weak var released: Counter?
        do {
            let context = try fake.context()
            let stream = try CUDAStream(context: context)
            let memory = try DeviceMemory(context: context, byteCount: 4)
            let counter = Counter()
            released = counter
            try stream.fill(memory)
            try stream.launchHostFunction { counter.increment() }
            fake.advance(1)
            #expect(counter.value == 0)
            fake.advance(1)
            #expect(counter.value == 1)
            try stream.synchronize()
            fake.fail("cuLaunchHostFunc", with: 2)
            #expect(errorOf { try stream.launchHostFunction { counter.increment() } }?.call == "cuLaunchHostFunc")
            try stream.synchronize()
            #expect(counter.value == 1)
        }
        #expect(released == nil)
        fake.expectClean()
    }

    @Test("work runs by itself, on a thread of the driver")
    func automatic() throws {
        let fake = try FakeDriver()
        do {
            let stream = try CUDAStream(context: try fake.context())
            let called = DispatchSemaphore(value: 0)
            try stream.launchHostFunction { called.signal() }
            called.wait()
            try stream.synchronize()
        }
        fake.expectClean()
    }

    @Test("a stream that is dropped finishes its work")
    func dropped() throws {
        let fake = try FakeDriver()
        fake.setManual()
        do {
            let context = try fake.context()
            let counter = Counter()
            try CUDAStream(context: context).launchHostFunction { counter.increment() }
            fake.advance()
            #expect(counter.value == 1)
        }
        fake.expectClean()
    }

    @Test("the fake reports violations of CUDA's rules")
    func violations() throws {
        let fake = try FakeDriver()
        fake.setManual()
        do {
            let context = try fake.context()
            let stream = try CUDAStream(context: context)
            let memory = try DeviceMemory(context: context, byteCount: 16)
            let host = try PinnedMemory(context: context, byteCount: 16)
            #expect(
                errorOf { try stream.copy(fromHost: host.address, toDevice: memory.address, byteCount: 17) } != nil)
            #expect(
                errorOf { try stream.copy(fromHost: memory.address, toDevice: memory.address, byteCount: 1) } != nil)
            #expect(errorOf { try stream.fill(device: host.address, byteCount: 1) } != nil)
            onThread { _ = errorOf { try stream.synchronize() } }
            let free = context.library.functions.free
            let stray = try DeviceMemory(context: context, byteCount: 16)
            let freed = UInt64(UInt(bitPattern: stray.address))
            #expect(free?(freed) == 0)
            withExtendedLifetime(stray) {}
        }
        let expected = [
            "cuMemcpyHtoDAsync goes beyond an allocation", "cuMemcpyHtoDAsync took memory of the device for the host's",
            "cuMemsetD8Async took memory of the host for the device's",
            "cuStreamSynchronize was called without a context that is current",
            "cuMemFree was given an address that is not allocated",
        ]
        for text in expected { #expect(fake.violations.contains { $0.contains(text) }, "\(text)") }
        #expect(fake.violations.count == expected.count, "\(fake.violations)")
    }

    @Test("a signal is set when the work before it is done")
    func signal() throws {
        let fake = try FakeDriver()
        do {
            fake.setManual()
            let context = try fake.context()
            let stream = try CUDAStream(context: context)
            let memory = try DeviceMemory(context: context, byteCount: 4)
            let signal = try #require(try CUDASignal(context: context))
            try stream.fill(memory)
            try signal.set(5, on: stream)
            #expect(signal.value == 0)
            fake.advance(1)
            #expect(signal.value == 0)
            fake.advance(1)
            #expect(signal.value == 5)
        }
        fake.expectClean()
        fake.setVersion(11_060)
        #expect(try CUDASignal(context: fake.context()) == nil)
    }
}
