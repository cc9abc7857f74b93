"""What every worker task needs: devices, faults, progress, memory."""
